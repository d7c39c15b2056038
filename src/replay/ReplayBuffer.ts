/**
 * A columnar ring buffer of tokenised episodes: one part (offline or online) of the replay memory.
 *
 * Every column is one typed array; an episode is a row. Rows grow up to `capacity`; past it the oldest row is
 * overwritten. Tokens lie end to end in an arena, so that an episode takes as much memory as it has tokens, and
 * log-probs in another one, so that those that are unknown take none. Rows are also indexed by task, split into passing
 * (reward 1) and failing ones, in the order in which they were added, so that sampling depends on nothing but the
 * episodes and their order. No call but the first `tasks` after a change grows with the number of rows or tasks.
 */
import { Arena } from "./Arena.ts";
import { RowQueue } from "./RowQueue.ts";

/** An episode as token ids: `promptLength` prompt tokens, then the program's tokens with its end. */
export interface TokenisedEpisode {
  readonly id: string;
  readonly taskId: string;
  readonly tokens: ArrayLike<number>;
  readonly promptLength: number;
  /** The first so many program tokens are reasoning; left out: none. */
  readonly reasoningLength?: number;
  /** In [0, 1]; 1 is a pass; null: unlabelled, for behaviour cloning alone. */
  readonly reward: number | null;
  /** One per program token; null where the behaviour policy is unknown. */
  readonly behaviourLogProbs: ArrayLike<number> | null;
  readonly policyVersion: number | null;
}

/** Which rows: every one, the passing ones (reward 1) or the others. */
export type Kind = "all" | "passing" | "failing";

/** The rows of a task, to draw from; good until the buffer changes. */
export class TaskRows {
  readonly id: string;
  readonly passing = new RowQueue();
  readonly failing = new RowQueue();

  constructor(id: string) {
    this.id = id;
  }

  count(kind: Kind): number {
    const { passing, failing } = this;
    return kind === "passing"
      ? passing.length
      : kind === "failing"
        ? failing.length
        : passing.length + failing.length;
  }

  /** The `index`-th row of a kind, passing rows first; undefined where there is none. */
  row(kind: Kind, index: number): number | undefined {
    const { passing, failing } = this;
    if (kind === "failing") return failing.at(index);
    return index < passing.length || kind === "passing"
      ? passing.at(index)
      : failing.at(index - passing.length);
  }
}

const NO_VERSION = -1;
const NONE = -1;

export class ReplayBuffer {
  /** Rows at most. */
  readonly capacity: number;
  /** Tokens at most in one episode. */
  readonly stride: number;
  #ids: Array<string> = [];
  #rowTasks: Array<TaskRows> = [];
  readonly #rowOf = new Map<string, number>();
  readonly #tasks = new Map<string, TaskRows>();
  #allocated = 0;
  #next = 0;
  #added = 0;
  /** What `tasks` said since the last change. */
  readonly #taskLists = new Map<Kind | "both", ReadonlyArray<string>>();
  readonly #tokens = new Arena((length) => new Int32Array(length));
  readonly #logProbs = new Arena((length) => new Float32Array(length));
  /** Where a row's tokens and log-probs begin; NONE for log-probs that are unknown, which never pass for 0. */
  #tokensAt = new Float64Array(0);
  #logProbsAt = new Float64Array(0);
  #length = new Int32Array(0);
  #promptLength = new Int32Array(0);
  #reasoningLength = new Int32Array(0);
  #reward = new Float32Array(0);
  #version = new Int32Array(0);

  constructor(options: { readonly capacity: number; readonly stride: number }) {
    if (!(Number.isInteger(options.capacity) && options.capacity >= 1)) {
      throw new RangeError(`ReplayBuffer: capacity must be a positive integer, found ${options.capacity}`);
    }
    if (!(Number.isInteger(options.stride) && options.stride >= 2)) {
      throw new RangeError(`ReplayBuffer: stride must be an integer of at least 2, found ${options.stride}`);
    }
    this.capacity = options.capacity;
    this.stride = options.stride;
  }

  get size(): number {
    return this.#ids.length;
  }

  /** Episodes ever added, overwritten ones included. */
  get added(): number {
    return this.#added;
  }

  has(id: string): boolean {
    return this.#rowOf.has(id);
  }

  /**
   * Adds an episode. "known" where its id is held already, "tooLong" past `stride` tokens; neither changes
   * anything. Throws a RangeError on an episode without prompt or program tokens, or whose log-probs do not
   * match its program.
   */
  add(episode: TokenisedEpisode): "added" | "known" | "tooLong" {
    if (this.#rowOf.has(episode.id)) return "known";
    const { tokens, promptLength, reasoningLength = 0 } = episode;
    if (tokens.length > this.stride) return "tooLong";
    if (!(promptLength >= 1 && tokens.length > promptLength)) {
      throw new RangeError(
        `Episode ${episode.id}: needs at least one prompt and one program token, found ${promptLength} of ${tokens.length}`,
      );
    }
    const actions = tokens.length - promptLength;
    if (!(reasoningLength >= 0 && reasoningLength <= actions)) {
      throw new RangeError(
        `Episode ${episode.id}: ${reasoningLength} of ${actions} program tokens are reasoning`,
      );
    }
    const logProbs = episode.behaviourLogProbs;
    if (logProbs !== null && logProbs.length !== actions) {
      throw new RangeError(
        `Episode ${episode.id}: ${actions} program tokens but ${logProbs.length} behaviour log-probs`,
      );
    }
    if (episode.reward !== null && !(episode.reward >= 0 && episode.reward <= 1)) {
      throw new RangeError(`Episode ${episode.id}: the reward must be in [0, 1], found ${episode.reward}`);
    }
    const row = this.#next;
    if (row < this.#ids.length) this.#evict(row);
    else this.#grow(row + 1);
    this.#next = (row + 1) % this.capacity;
    this.#added += 1;
    let task = this.#tasks.get(episode.taskId);
    if (task === undefined) {
      task = new TaskRows(episode.taskId);
      this.#tasks.set(task.id, task);
    }
    this.#ids[row] = episode.id;
    this.#rowTasks[row] = task;
    this.#rowOf.set(episode.id, row);
    this.#length[row] = tokens.length;
    this.#promptLength[row] = promptLength;
    this.#reasoningLength[row] = reasoningLength;
    // An unlabelled episode has no return: a critic trained on it would say so at once.
    this.#reward[row] = episode.reward ?? Number.NaN;
    this.#version[row] = episode.policyVersion ?? NO_VERSION;
    this.#tokensAt[row] = this.#tokens.add(tokens);
    this.#logProbsAt[row] = logProbs === null ? NONE : this.#logProbs.add(logProbs);
    (episode.reward === 1 ? task.passing : task.failing).push(row);
    this.#taskLists.clear();
    return "added";
  }

  /** The `count` rows added last, or all of them, the newest first. */
  newest(count: number): Array<number> {
    const { capacity, size } = this;
    return Array.from(
      { length: Math.min(count, size) },
      (_, i) => (this.#next - 1 - i + capacity) % capacity,
    );
  }

  /** Holds nothing any more. */
  clear(): void {
    this.#ids = [];
    this.#rowTasks = [];
    this.#rowOf.clear();
    this.#tasks.clear();
    this.#taskLists.clear();
    this.#tokens.clear();
    this.#logProbs.clear();
    this.#next = 0;
  }

  id(row: number): string {
    return this.#ids[row];
  }

  taskId(row: number): string {
    return this.#rowTasks[row].id;
  }

  /** Prompt and program, without padding. A view: read it before the next `add`. */
  tokens(row: number): Int32Array {
    return this.#tokens.view(this.#tokensAt[row], this.#length[row]);
  }

  length(row: number): number {
    return this.#length[row];
  }

  promptLength(row: number): number {
    return this.#promptLength[row];
  }

  reasoningLength(row: number): number {
    return this.#reasoningLength[row];
  }

  reward(row: number): number {
    return this.#reward[row];
  }

  policyVersion(row: number): number | null {
    const version = this.#version[row];
    return version === NO_VERSION ? null : version;
  }

  /** One per program token, or null where unknown. */
  behaviourLogProbs(row: number): Float32Array | null {
    const at = this.#logProbsAt[row];
    return at === NONE ? null : this.#logProbs.view(at, this.#length[row] - this.#promptLength[row]);
  }

  /**
   * Tasks that have a row of this kind, or both a pass and a fail, in the order in which they first appeared. Found once
   * after a change.
   */
  tasks(kind: Kind | "both"): ReadonlyArray<string> {
    let list = this.#taskLists.get(kind);
    if (list === undefined) {
      const found: Array<string> = [];
      for (const task of this.#tasks.values()) if (hasRows(task, kind)) found.push(task.id);
      list = found;
      this.#taskLists.set(kind, list);
    }
    return list;
  }

  /** The rows of a task; undefined where it has none. */
  task(taskId: string): TaskRows | undefined {
    return this.#tasks.get(taskId);
  }

  /** Number of rows of a task. */
  count(taskId: string, kind: Kind): number {
    return this.#tasks.get(taskId)?.count(kind) ?? 0;
  }

  /** The `index`-th row of a task, passing rows first. */
  row(taskId: string, kind: Kind, index: number): number {
    const row = this.#tasks.get(taskId)?.row(kind, index);
    if (row === undefined) throw new RangeError(`ReplayBuffer: task ${taskId} has no ${kind} row ${index}`);
    return row;
  }

  /** Share of a task's rows that pass: the Monte-Carlo value of its prompt; NaN for an unknown task. */
  passRate(taskId: string): number {
    const rows = this.#tasks.get(taskId);
    if (rows === undefined) return Number.NaN;
    return rows.passing.length / (rows.passing.length + rows.failing.length);
  }

  /** Frees the oldest row: the first of its task's. */
  #evict(row: number): void {
    const task = this.#rowTasks[row];
    this.#rowOf.delete(this.#ids[row]);
    (this.#reward[row] === 1 ? task.passing : task.failing).shift();
    if (task.count("all") === 0) this.#tasks.delete(task.id);
    this.#tokens.free(this.#tokensAt[row]);
    if (this.#logProbsAt[row] !== NONE) this.#logProbs.free(this.#logProbsAt[row]);
  }

  #grow(rows: number): void {
    if (rows <= this.#allocated) return;
    const size = Math.min(this.capacity, Math.max(256, this.#allocated * 2));
    const into = <A extends Int32Array | Float32Array | Float64Array>(fresh: A, old: A): A => {
      fresh.set(old);
      return fresh;
    };
    this.#tokensAt = into(new Float64Array(size), this.#tokensAt);
    this.#logProbsAt = into(new Float64Array(size), this.#logProbsAt);
    this.#length = into(new Int32Array(size), this.#length);
    this.#promptLength = into(new Int32Array(size), this.#promptLength);
    this.#reasoningLength = into(new Int32Array(size), this.#reasoningLength);
    this.#reward = into(new Float32Array(size), this.#reward);
    this.#version = into(new Int32Array(size), this.#version);
    this.#allocated = size;
  }
}

/** Whether a task has a row of a kind, or a pass and a fail. */
export const hasRows = (task: TaskRows, kind: Kind | "both"): boolean =>
  kind === "both" ? task.passing.length > 0 && task.failing.length > 0 : task.count(kind) > 0;
