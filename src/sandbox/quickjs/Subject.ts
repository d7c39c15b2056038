/** The program under test, in its realm: loaded, called, and what it broke. */
import type { Limits } from "../../domain/Task.ts";
import { OUTPUT_CHARACTERS, type Outcome } from "../../domain/Verdict.ts";
import * as Realm from "./Realm.ts";

/** The one piece of WebAssembly's global that is used here; lib ES2023 leaves it out. */
declare const WebAssembly: { readonly RuntimeError: new () => Error };

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

export interface Failure {
  readonly outcome: Outcome | "BadTest";
  readonly detail: string;
}

/** What is known of it. */
interface Program {
  readonly program: string;
  readonly entryPoint: string;
  readonly limits: Limits;
}

export class Subject {
  /** Nothing more can be learnt of it: out of time or memory, or its module is broken. */
  over = false;
  broken = false;
  private readonly realm: Realm.Realm;
  private readonly job: Program;
  private readonly stopped: () => Failure | undefined;

  constructor(realm: Realm.Realm, job: Program, stopped: () => Failure | undefined) {
    this.realm = realm;
    this.job = job;
    this.stopped = stopped;
  }

  /** Runs the program's text and finds its entry point. */
  load(): Failure | undefined {
    return this.guard(() => {
      const { realm, job } = this;
      const loaded = realm.evaluate(job.program, "program.js");
      if (Realm.isThrown(loaded)) {
        const failure = this.failure(loaded);
        return failure.outcome === "RuntimeError" && !realm.compiles(job.program)
          ? { ...failure, outcome: "CompileError" }
          : failure;
      }
      if (!IDENTIFIER.test(job.entryPoint)) {
        return { outcome: "RuntimeError", detail: `${JSON.stringify(job.entryPoint)} is no function name` };
      }
      const { entryPoint } = job;
      const target = realm.evaluate(
        `typeof ${entryPoint} === "function" ? ${entryPoint} : undefined`,
        "entry.js",
      );
      if (Realm.isThrown(target)) return this.failure(target);
      if (realm.context.typeof(target) !== "function") {
        return { outcome: "RuntimeError", detail: `no function named ${entryPoint} is defined` };
      }
      realm.guest("bind", target);
      return undefined;
    });
  }

  /** Calls the entry point with JSON text of an array of plain data; the JSON text of its answer. */
  call(args: string): string | Failure {
    let answer = "";
    const failure = this.guard(() => {
      const { realm, job } = this;
      const result = realm.guest("invoke", args, job.limits.outputBytes);
      if (Realm.isThrown(result)) return this.failure(result);
      const text = realm.text(result);
      if (text === undefined) {
        return { outcome: "OutputLimit", detail: `answer larger than ${job.limits.outputBytes} bytes` };
      }
      answer = text;
      return undefined;
    });
    return failure ?? answer;
  }

  printed(): string {
    const printed = this.realm.guest("printed");
    return Realm.isThrown(printed) ? "" : (this.realm.text(printed) ?? "").slice(0, OUTPUT_CHARACTERS);
  }

  private failure({ thrown }: Realm.Thrown): Failure {
    // The engine throws null where it has no memory left to make an error.
    if ((thrown === "null" && this.realm.isFull()) || thrown.startsWith("InternalError: out of memory")) {
      this.over = true;
      return { outcome: "OutOfMemory", detail: `more than ${this.job.limits.memoryBytes} bytes` };
    }
    return { outcome: "RuntimeError", detail: thrown };
  }

  private guard(body: () => Failure | undefined): Failure | undefined {
    let failure: Failure | undefined;
    try {
      failure = body();
    } catch (error) {
      failure = { outcome: "RuntimeError", detail: crash(error) };
      this.over = this.broken = true;
    }
    const late = this.stopped();
    if (late !== undefined) this.over = true;
    return late ?? failure;
  }
}

/** What of ours a program broke: our own stack below the engine, or the engine itself. Anything else is our fault. */
export const crash = (error: unknown): string => {
  if (error instanceof RangeError) return "stack overflow";
  if (error instanceof WebAssembly.RuntimeError) return `the engine trapped: ${error.message}`;
  throw error;
};
