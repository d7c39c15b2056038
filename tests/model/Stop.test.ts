import { describe, expect, it } from "vitest";
import * as Stop from "../../src/model/generation/Stop.ts";
import * as Random from "../../src/random/Random.ts";

const pieces = ["", "a", "\n", "\nde", "f", " ", "f x", "é", "END"];
const decode = (ids: ReadonlyArray<number>): string => ids.map((id) => pieces[id]).join("");

/** Index of the token that completes a stop string, or -1. */
const firstStop = (strings: ReadonlyArray<string>, tokens: ReadonlyArray<number>): number => {
  const detector = Stop.make({ strings, decode });
  return tokens.findIndex((_, i) => Stop.reached(detector, tokens.slice(0, i + 1)));
};

describe("Stop", () => {
  it("finds a stop string across token borders", () => {
    expect(firstStop(["\ndef"], [1, 3, 4, 1])).toBe(2);
    expect(firstStop(["\ndef"], [1, 3, 5, 4])).toBe(-1);
  });
  it("finds one within a token, with text after it", () => {
    expect(firstStop(["\ndef"], [3, 6])).toBe(1);
    expect(Stop.cut(decode([1, 3, 6]), ["\ndef", "zzz"])).toBe("a");
  });
  it("finds one that ends in a blank or in several bytes", () => {
    expect(firstStop(["a "], [1, 5])).toBe(1);
    expect(firstStop(["aé"], [1, 7])).toBe(1);
  });
  it("finds nothing where there are no stop strings, and cuts nothing", () => {
    expect(firstStop([], [1, 2, 3])).toBe(-1);
    expect(Stop.cut("abc", ["x"])).toBe("abc");
  });
  it("takes the earliest of several", () => {
    expect(Stop.cut("one END two STOP", ["STOP", "END"])).toBe("one ");
  });

  it("gives certain text only, and with the end all of it", () => {
    const random = Random.make(17);
    const alphabet = ["a", "b", "\n", "é", "🙂", "d"].map((c) => Buffer.from(c));
    const strings = ["ab", "\nd", "bbé", "🙂🙂"];
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.concat(
        Array.from({ length: 12 }, () => alphabet[random.int(alphabet.length)] ?? Buffer.of()),
      );
      // Tokens of 1 to 3 bytes: characters and stop strings lie across their borders; some bytes are no UTF-8.
      if (round % 5 === 0) bytes[random.int(bytes.length)] = 0xf0;
      const certain = new Stop.Certain(strings);
      const whole = Stop.cut(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), strings);
      let text = "";
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + random.int(3);
        text += certain.push(bytes.subarray(at, at + size));
        at += size;
        expect(whole.startsWith(text), `round ${round}: ${JSON.stringify([text, whole])}`).toBe(true);
      }
      expect(text + certain.end(), `round ${round}`).toBe(whole);
    }
  });
});
