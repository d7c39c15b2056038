import { assert, describe, it } from "@effect/vitest";
import * as Monitor from "../../src/domain/Monitor.ts";

/** Only these are watched. */
const watching = (some: Partial<Monitor.Settings>): Monitor.Settings =>
  Object.assign(Object.fromEntries(Monitor.names.map((name) => [name, null])), some);
const on = (name: Monitor.Name, limit: number, action: Monitor.Action = "continue") =>
  watching({ [name]: { limit, action } });
const trips = (settings: Monitor.Settings, start: Monitor.Values, now: Monitor.Values): boolean =>
  Monitor.judge(settings, start, now).length > 0;

describe("Monitor", () => {
  it("compares as its table says, and trips past the limit alone", () => {
    const cases: ReadonlyArray<readonly [Monitor.Name, number, number, number, number]> = [
      // monitor, limit, start, still well, an alarm
      ["syntax_valid", 0.25, 1, 0.75, 0.7],
      ["cql_diff", 0.25, -0.5, -0.25, -0.2],
      ["td_offline", 2, 0.5, 1, 1.01],
      ["length", 2, 10, 20, 21],
      ["length", 2, 10, 5, 4.9],
      ["kl", 0.5, 0, 0.5, 0.51],
    ];
    for (const [name, limit, start, well, bad] of cases) {
      assert.isFalse(trips(on(name, limit), { [name]: start }, { [name]: well }), `${name} ${well}`);
      assert.isTrue(trips(on(name, limit), { [name]: start }, { [name]: bad }), `${name} ${bad}`);
    }
  });

  it("offline watches what asks for no round, and never asks for more offline data", () => {
    assert.notInclude(Monitor.offlineNames, "zero_variance");
    assert.strictEqual(Monitor.offlineNames.length, Monitor.names.length - 2);
    assert.strictEqual(Monitor.offlineAction("td_offline"), "rollback");
    assert.strictEqual(Monitor.offlineAction("kl"), "continue");
    assert.isEmpty(Monitor.judge({}, { kl: 0 }, { kl: 9, zero_variance: 1 }), "absent: not watched");
  });

  it("counts a fall of pass@1 in standard errors of the difference", () => {
    const start = { pass_at_1: 0.5, pass_at_1_error: 0.03 };
    const now = (fall: number) => ({ pass_at_1: 0.5 - fall, pass_at_1_error: 0.04 });
    assert.isFalse(trips(on("pass_at_1", 2), start, now(0.0999)));
    assert.isTrue(trips(on("pass_at_1", 2), start, now(0.1001)));
    assert.isFalse(trips(on("pass_at_1", 2), start, now(-0.4)), "a rise is none");
    const sure = { pass_at_1: 1, pass_at_1_error: 0 };
    assert.isFalse(trips(on("pass_at_1", 2), sure, sure));
    assert.isTrue(trips(on("pass_at_1", 2), sure, { pass_at_1: 0.9, pass_at_1_error: 0 }));
  });

  it("takes a broken figure for an alarm, and an absent one for none", () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.isTrue(trips(on("td_offline", 2), { td_offline: 0.5 }, { td_offline: value }), String(value));
      assert.isTrue(trips(on("kl", 0.5), {}, { kl: value }), String(value));
    }
    assert.isFalse(trips(on("td_offline", 2), { td_offline: 0.5 }, {}));
    assert.isFalse(trips(on("td_offline", 2), {}, { td_offline: 9 }), "nothing to compare it with");
    assert.isFalse(trips(watching({}), { kl: 0 }, { kl: 9 }), "not watched");
  });

  it("says what was measured, against what, and what is to be done", () => {
    const settings = watching({
      kl: { limit: 0.5, action: "stop" },
      syntax_valid: { limit: 0.05, action: "rollback" },
    });
    assert.deepStrictEqual(Monitor.judge(settings, { syntax_valid: 1 }, { syntax_valid: 0.5, kl: 2 }), [
      { monitor: "syntax_valid", value: 0.5, limit: 0.05, from: 1, action: "rollback" },
      { monitor: "kl", value: 2, limit: 0.5, from: null, action: "stop" },
    ]);
  });

  it("does what all alarms of a round ask for", () => {
    const respond = (...actions: ReadonlyArray<Monitor.Action>) =>
      Monitor.respond(actions.map((action) => ({ action })));
    const nothing = { restore: false, halveLearningRate: false, raiseOffline: false, stop: false };
    assert.deepStrictEqual(respond(), nothing);
    assert.deepStrictEqual(respond("continue"), nothing);
    assert.deepStrictEqual(respond("raise-offline"), { ...nothing, raiseOffline: true });
    assert.deepStrictEqual(respond("rollback", "rollback"), {
      ...nothing,
      restore: true,
      halveLearningRate: true,
    });
    assert.deepStrictEqual(respond("stop", "raise-offline"), {
      ...nothing,
      restore: true,
      stop: true,
      raiseOffline: true,
    });
  });
});
