/** `drydock eval` on a tiny policy. */
import * as Fs from "node:fs";
import * as Path from "node:path";
import { afterAll, assert, describe, it } from "vitest";
import * as Drydock from "./Drydock.ts";

const place = Drydock.workplace();
afterAll(place.remove);

interface Report {
  readonly evaluations: ReadonlyArray<{
    readonly temperature: number;
    readonly samplesPerTask: number;
    readonly tilt: number;
    readonly rerank?: { readonly logProb: object; readonly critic: object | null };
  }>;
}

/** A tiny policy, and the options of every evaluation of it. */
const prepared = (async () => {
  const file = await Drydock.tinyRun(place.directory, {
    stages: [{ kind: "offline", label: "cql", training: "cql", steps: 2, learningRate: 0.01 }],
  });
  const { policy }: { readonly policy: { readonly path: string } } = JSON.parse(
    Fs.readFileSync(file, "utf8"),
  );
  return { file, policy: policy.path };
})();

const evaluate = async (policy: string, ...options: ReadonlyArray<string>) => {
  const { file } = await prepared;
  const output = Path.join(place.directory, "evaluations");
  return Drydock.run(["eval", policy, "--config", file, "--output", output, "--json", ...options]);
};

describe("drydock eval", () => {
  it("reports the best of n at every temperature, by the judges that there are", async () => {
    const { policy } = await prepared;
    const options = ["--best-of", "3", "--temperature", "1", "--temperature", "0.5"];
    const { code, stdout, stderr } = await evaluate(policy, ...options);
    assert.strictEqual(code, 0, stderr);
    const report: Report = JSON.parse(stdout);
    assert.deepEqual(
      report.evaluations.map((e) => [e.temperature, e.samplesPerTask, e.rerank === undefined]),
      [
        [1, 3, false],
        [0.5, 3, false],
        [0, 1, true],
      ],
    );
    assert.isNull(report.evaluations[0]?.rerank?.critic);
  }, 60_000);

  it("gives a critic its say, in decoding and as a judge", async () => {
    const { file } = await prepared;
    const trained = await Drydock.run(["train", file, "--json"]);
    assert.strictEqual(trained.code, 0, trained.stderr);
    const [run] = Fs.readdirSync(Path.join(place.directory, "runs"));
    const policy = Path.join(place.directory, "runs", run ?? "", "policy");
    const { code, stdout, stderr } = await evaluate(policy, "--best-of", "2", "--tilt", "2.5");
    assert.strictEqual(code, 0, stderr);
    const report: Report = JSON.parse(stdout);
    assert.isTrue(report.evaluations.every(({ tilt }) => tilt === 2.5));
    assert.isNotNull(report.evaluations[0]?.rerank?.critic);
  }, 120_000);

  it("refuses what a policy cannot do, and options that say two things", async () => {
    const { policy } = await prepared;
    const tilted = await evaluate(policy, "--tilt", "2");
    assert.strictEqual(tilted.code, 1);
    assert.match(tilted.stderr, /has no value heads, so nothing can tilt it/);
    const twice = await evaluate(policy, "--samples", "3", "--best-of", "3");
    assert.strictEqual(twice.code, 1);
    assert.match(twice.stderr, /--best-of says how many samples .* and so does --samples/);
    const one = await evaluate(policy, "--best-of", "1");
    assert.notStrictEqual(one.code, 0);
    assert.match(one.stderr + one.stdout, /from 2 to/);
  }, 60_000);
});
