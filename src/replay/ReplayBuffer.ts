/**
 * A columnar ring buffer of tokenised episodes: one part (offline or online) of the replay memory.
 *
 * Every column is one typed array; an episode is a row. Rows grow up to `capacity`; past it the oldest row is
 * overwritten. Rows are also indexed by task, split into passing (reward 1) and failing ones, in the order in
 * which they were added, so that sampling depends on nothing but the episodes and their order.
 */

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

interface TaskRows {
  readonly passing: Array<number>;
  readonly failing: Array<number>;
}

const NO_VERSION = -1;

export class ReplayBuffer {
  /** Rows at most. */
  readonly capacity: number;
  /** Tokens at most in one episode. */
  readonly stride: number;
  #ids: Array<string> = [];
  #taskIds: Array<string> = [];
  readonly #rowOf = new Map<string, number>();
  readonly #tasks = new Map<string, TaskRows>();
  #allocated = 0;
  #next = 0;
  #added = 0;
  #tokens = new Int32Array(0);
  /** NaN where unknown, so that a missing log-prob can never pass for 0. */
  #logProbs = new Float32Array(0);
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
    this.#ids[row] = episode.id;
    this.#taskIds[row] = episode.taskId;
    this.#rowOf.set(episode.id, row);
    this.#length[row] = tokens.length;
    this.#promptLength[row] = promptLength;
    this.#reasoningLength[row] = reasoningLength;
    // An unlabelled episode has no return: a critic trained on it would say so at once.
    this.#reward[row] = episode.reward ?? Number.NaN;
    this.#version[row] = episode.policyVersion ?? NO_VERSION;
    const at = row * this.stride;
    this.#logProbs.fill(Number.NaN, at, at + this.stride);
    for (let i = 0; i < tokens.length; i++) this.#tokens[at + i] = tokens[i];
    if (logProbs !== null) {
      for (let i = 0; i < actions; i++) this.#logProbs[at + promptLength + i] = logProbs[i];
    }
    let rows = this.#tasks.get(episode.taskId);
    if (rows === undefined) {
      rows = { passing: [], failing: [] };
      this.#tasks.set(episode.taskId, rows);
    }
    (episode.reward === 1 ? rows.passing : rows.failing).push(row);
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
    this.#taskIds = [];
    this.#rowOf.clear();
    this.#tasks.clear();
    this.#next = 0;
  }

  id(row: number): string {
    return this.#ids[row];
  }

  taskId(row: number): string {
    return this.#taskIds[row];
  }

  /** Prompt and program, without padding. A view: read it before the next `add`. */
  tokens(row: number): Int32Array {
    return this.#tokens.subarray(row * this.stride, row * this.stride + this.#length[row]);
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
    const at = row * this.stride + this.#promptLength[row];
    if (Number.isNaN(this.#logProbs[at])) return null;
    return this.#logProbs.subarray(at, row * this.stride + this.#length[row]);
  }

  /** Tasks that have a row of this kind, in the order in which they first appeared. */
  tasks(kind: Kind): Array<string> {
    const out: Array<string> = [];
    for (const [taskId, rows] of this.#tasks) if (count(rows, kind) > 0) out.push(taskId);
    return out;
  }

  /** Number of rows of a task. */
  count(taskId: string, kind: Kind): number {
    const rows = this.#tasks.get(taskId);
    return rows === undefined ? 0 : count(rows, kind);
  }

  /** The `index`-th row of a task, passing rows first. */
  row(taskId: string, kind: Kind, index: number): number {
    const rows = this.#tasks.get(taskId) as TaskRows;
    const { passing, failing } = rows;
    const row =
      kind === "failing"
        ? failing[index]
        : index < passing.length
          ? passing[index]
          : failing[index - passing.length];
    if (row === undefined) throw new RangeError(`ReplayBuffer: task ${taskId} has no ${kind} row ${index}`);
    return row;
  }

  /** Share of a task's rows that pass: the Monte-Carlo value of its prompt; NaN for an unknown task. */
  passRate(taskId: string): number {
    const rows = this.#tasks.get(taskId);
    if (rows === undefined) return Number.NaN;
    return rows.passing.length / (rows.passing.length + rows.failing.length);
  }

  #evict(row: number): void {
    const taskId = this.#taskIds[row];
    this.#rowOf.delete(this.#ids[row]);
    const rows = this.#tasks.get(taskId) as TaskRows;
    const list = this.#reward[row] === 1 ? rows.passing : rows.failing;
    list.splice(list.indexOf(row), 1);
    if (rows.passing.length + rows.failing.length === 0) this.#tasks.delete(taskId);
  }

  #grow(rows: number): void {
    if (rows <= this.#allocated) return;
    const size = Math.min(this.capacity, Math.max(256, this.#allocated * 2));
    const into = <A extends Int32Array | Float32Array>(fresh: A, old: A): A => {
      fresh.set(old);
      return fresh;
    };
    this.#tokens = into(new Int32Array(size * this.stride), this.#tokens);
    this.#logProbs = into(new Float32Array(size * this.stride), this.#logProbs);
    this.#length = into(new Int32Array(size), this.#length);
    this.#promptLength = into(new Int32Array(size), this.#promptLength);
    this.#reasoningLength = into(new Int32Array(size), this.#reasoningLength);
    this.#reward = into(new Float32Array(size), this.#reward);
    this.#version = into(new Int32Array(size), this.#version);
    this.#allocated = size;
  }
}

const count = (rows: TaskRows, kind: Kind): number =>
  kind === "passing"
    ? rows.passing.length
    : kind === "failing"
      ? rows.failing.length
      : rows.passing.length + rows.failing.length;
