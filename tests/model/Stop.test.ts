import { describe, expect, it } from "vitest";
import * as Stop from "../../src/model/Stop.ts";

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
});
