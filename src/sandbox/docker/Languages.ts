/**
 * The languages that run in Docker: one row each. A new language is a row here and a folder under sandbox-images/.
 *
 * Everything else (slots, jails, pool, self-test, retries) is the same for all of them.
 */
import type * as Schema from "effect/Schema";
import type { Language, Limits, Task } from "../../domain/Task.ts";
import type { Outcome } from "../../domain/Verdict.ts";
import * as JsAnswer from "../judge/JsAnswer.ts";
import * as CppSource from "../cpp/CppSource.ts";
import * as PythonAnswer from "../judge/PythonAnswer.ts";
import * as CppBattery from "./CppBattery.ts";
import * as NodeBattery from "./NodeBattery.ts";
import type * as Protocol from "./Protocol.ts";
import * as PythonBattery from "./PythonBattery.ts";
import type { ImageLanguage } from "./SandboxImage.ts";

/** How values of a language cross, and when an answer is the expected one. */
export interface JudgeRules {
  /** Part of the sandbox's identity. */
  readonly version: string;
  /** A JSON argument as tagged plain data of the language. */
  readonly encode: (value: Schema.Json) => Schema.Json;
  readonly equals: (expected: Schema.Json, answer: unknown) => boolean;
  readonly show: (answer: unknown) => string;
}

/** A row of the self-test: how a program must end before a slot of the language is trusted. */
export interface Probe {
  readonly task: Task;
  readonly program: string;
  readonly expected: Outcome;
}

/** What is compiled for a program: itself with what reads calls, and the checker of assert-style tests. */
export interface Sources {
  readonly candidate: string;
  readonly checker?: string;
  readonly flags: ReadonlyArray<string>;
}

export interface Compiler {
  readonly sources: (task: Task, program: string) => Sources;
  readonly limits: Limits;
  /** Bytes of memory of a compile slot's container. */
  readonly memoryBytes: number;
}

export interface DockerLanguage {
  readonly language: Language;
  /** Folder of the image's recipe under sandbox-images/. */
  readonly image: ImageLanguage;
  readonly launch: Protocol.Launch;
  /** Limits of tasks that name none: for all of a program's tests together; for each test where they are stdio. */
  readonly defaultLimits: Limits;
  readonly judge: JudgeRules;
  /** Bytes of memory of a run slot's container; what a program may have is SUPERVISOR_BYTES less. */
  readonly memoryBytes: number;
  readonly selfTest: ReadonlyArray<Probe>;
  /** Where programs are compiled before they run. */
  readonly compile?: Compiler;
}

/** What the supervisor and its zygote may take of a container's memory. */
export const SUPERVISOR_BYTES = 64 * 1024 * 1024;

const MIB = 1024 * 1024;

export const python: DockerLanguage = {
  language: "python",
  image: "python",
  launch: "python",
  defaultLimits: { cpuSeconds: 2, wallSeconds: 10, memoryBytes: 384 * MIB, outputBytes: 64 * 1024 },
  judge: {
    version: PythonAnswer.JUDGE_VERSION,
    encode: PythonAnswer.encode,
    equals: PythonAnswer.equals,
    show: PythonAnswer.show,
  },
  memoryBytes: 512 * MIB,
  selfTest: PythonBattery.probes,
};

/** JavaScript where QuickJS is not wanted, or not enough. */
export const node: DockerLanguage = {
  language: "javascript",
  image: "node",
  launch: "node",
  defaultLimits: { cpuSeconds: 2, wallSeconds: 10, memoryBytes: 256 * MIB, outputBytes: 64 * 1024 },
  judge: {
    version: JsAnswer.JUDGE_VERSION,
    encode: JsAnswer.encode,
    equals: (expected, answer) => JsAnswer.equals(expected, answer as JsAnswer.JsAnswer),
    show: JsAnswer.show,
  },
  memoryBytes: 512 * MIB,
  selfTest: NodeBattery.probes,
};

export const cpp: DockerLanguage = {
  language: "cpp",
  image: "cpp",
  launch: "binary",
  defaultLimits: { cpuSeconds: 2, wallSeconds: 10, memoryBytes: 384 * MIB, outputBytes: 64 * 1024 },
  // A C++ program answers in Python's tags: sandbox-images/cpp/include/drydock/plain.hpp says which type has which.
  judge: { ...python.judge, version: `cpp-1+${PythonAnswer.JUDGE_VERSION}` },
  memoryBytes: 512 * MIB,
  selfTest: CppBattery.probes,
  compile: {
    sources: CppSource.sources,
    limits: { cpuSeconds: 6, wallSeconds: 45, memoryBytes: 768 * MIB, outputBytes: 64 * 1024 },
    memoryBytes: 1024 * MIB,
  },
};

/** Every row. */
export const all: ReadonlyArray<DockerLanguage> = [python, cpp, node];

/** A language's row; undefined where it does not run in Docker. */
export const rowOf = (language: Language): DockerLanguage | undefined =>
  all.find((row) => row.language === language);
