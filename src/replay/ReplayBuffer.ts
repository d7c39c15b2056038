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
import { hasRows, type Kind, TaskRows } from "./TaskRows.ts";

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

/** Where the words of a row are; log-probs that are unknown have no place, and so never pass for 0. */
const WORDS = 8;
const TOKENS = 0;
const LOG_PROBS = 1;
const LENGTH = 2;
const PROMPT = 3;
const REASONING = 4;
const VERSION = 5;
const REWARD = 6;
const NONE = -1;

export class ReplayBuffer {
  /** Rows at most. */
  readonly capacity: number;
  /** Tokens at most in one episode. */
  readonly stride: number;
  #ids: Array<string> = [];
  #rowTasks: Array<TaskRows> = [];
  readonly #rowOf = new Map<string, number>();
  /** Tasks that have rows, in the order in which they came. */
  readonly #tasks = new Map<string, TaskRows>();
  /** Every task that ever had rows: whoever holds one finds the rows that come later too. */
  readonly #known = new Map<string, TaskRows>();
  #allocated = 0;
  #next = 0;
  #added = 0;
  /** What `tasks` said since the last change. */
  readonly #taskLists = new Map<Kind | "both", ReadonlyArray<TaskRows>>();
  readonly #tokens = new Arena((length) => new Int32Array(length));
  readonly #logProbs = new Arena((length) => new Float32Array(length));
  /** What is known of a row, side by side: reading it costs one access of memory, not one for each. */
  #rows = new Int32Array(0);
  /** The same memory, for rewards. */
  #rewards = new Float32Array(0);

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
    const task = this.taskFor(episode.taskId);
    this.#tasks.set(task.id, task);
    this.#ids[row] = episode.id;
    this.#rowTasks[row] = task;
    this.#rowOf.set(episode.id, row);
    const at = row * WORDS;
    this.#rows[at + TOKENS] = this.#tokens.add(tokens);
    this.#rows[at + LOG_PROBS] = logProbs === null ? NONE : this.#logProbs.add(logProbs);
    this.#rows[at + LENGTH] = tokens.length;
    this.#rows[at + PROMPT] = promptLength;
    this.#rows[at + REASONING] = reasoningLength;
    this.#rows[at + VERSION] = episode.policyVersion ?? NONE;
    // An unlabelled episode has no return: a critic trained on it would say so at once.
    this.#rewards[at + REWARD] = episode.reward ?? Number.NaN;
    task.add(row, episode.reward === 1);
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
    for (const task of this.#tasks.values()) task.clear();
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
    const at = row * WORDS;
    return this.#tokens.view(this.#rows[at + TOKENS], this.#rows[at + LENGTH]);
  }

  length(row: number): number {
    return this.#rows[row * WORDS + LENGTH];
  }

  promptLength(row: number): number {
    return this.#rows[row * WORDS + PROMPT];
  }

  reasoningLength(row: number): number {
    return this.#rows[row * WORDS + REASONING];
  }

  reward(row: number): number {
    return this.#rewards[row * WORDS + REWARD];
  }

  policyVersion(row: number): number | null {
    const version = this.#rows[row * WORDS + VERSION];
    return version === NONE ? null : version;
  }

  /** One per program token, or null where unknown. */
  behaviourLogProbs(row: number): Float32Array | null {
    const at = row * WORDS;
    const place = this.#rows[at + LOG_PROBS];
    if (place === NONE) return null;
    return this.#logProbs.view(place, this.#rows[at + LENGTH] - this.#rows[at + PROMPT]);
  }

  /**
   * Tasks that have a row of this kind, or both a pass and a fail, in the order in which they first appeared. Found once
   * after a change.
   */
  tasks(kind: Kind | "both"): ReadonlyArray<TaskRows> {
    let list = this.#taskLists.get(kind);
    if (list === undefined) {
      const found: Array<TaskRows> = [];
      for (const task of this.#tasks.values()) if (hasRows(task, kind)) found.push(task);
      list = found;
      this.#taskLists.set(kind, list);
    }
    return list;
  }

  /** A task by its id, which may have no rows yet. */
  taskFor(taskId: string): TaskRows {
    let task = this.#known.get(taskId);
    if (task === undefined) {
      task = new TaskRows(taskId);
      this.#known.set(taskId, task);
    }
    return task;
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
    return this.count(taskId, "passing") / this.count(taskId, "all");
  }

  /** Frees the oldest row: the first of its task's. */
  #evict(row: number): void {
    const task = this.#rowTasks[row];
    this.#rowOf.delete(this.#ids[row]);
    task.shift(this.reward(row) === 1);
    if (task.count("all") === 0) this.#tasks.delete(task.id);
    this.#tokens.free(this.#rows[row * WORDS + TOKENS]);
    const logProbs = this.#rows[row * WORDS + LOG_PROBS];
    if (logProbs !== NONE) this.#logProbs.free(logProbs);
  }

  #grow(rows: number): void {
    if (rows <= this.#allocated) return;
    const size = Math.min(this.capacity, Math.max(256, this.#allocated * 2));
    const fresh = new Int32Array(size * WORDS);
    fresh.set(this.#rows);
    this.#rows = fresh;
    this.#rewards = new Float32Array(fresh.buffer);
    this.#allocated = size;
  }
}
