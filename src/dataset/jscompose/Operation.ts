/**
 * What an operation of the js-compose family is: a typed step of a pipeline, said in English, written in
 * JavaScript, and the systematic mistakes that go with it.
 *
 * Every rendering has a trusted TypeScript twin (`run`), so that expected values and telling tests can be
 * found without running generated code. The two are compared in QuickJS by a test.
 */

export type Kind = "list" | "words" | "text" | "number";
export type Value = number | string | ReadonlyArray<number> | ReadonlyArray<string>;
export type Constant = number | string;

/** How often the simulated student gets a step right: a name that `Generate` maps to a rate. */
export type Tier = "easy" | "medium" | "tough" | "hard";

/** One way to write a step: `{e}` is the expression so far, `{k}` the constant, `{k-1}` one less. */
export interface Rendering {
  readonly code: string;
  readonly run: (value: Value, k: Constant) => Value;
}

export interface Phrase {
  /** English, `{k}` where the constant goes. */
  readonly text: string;
  /** Where this wording is harder or easier than the operation's own tier. */
  readonly tier?: Tier;
}

/** What a step does to its value, for mistakes of composition. */
export type Role = "map" | "filter" | "cut" | "order" | "end" | "convert";

export interface Operation {
  readonly id: string;
  readonly from: Kind;
  readonly to: Kind;
  readonly role: Role;
  readonly tier: Tier;
  /** Empty where the step has no constant. */
  readonly constants: ReadonlyArray<Constant>;
  readonly phrases: ReadonlyArray<Phrase>;
  readonly right: Rendering;
  /** Most frequent first. */
  readonly mistakes: ReadonlyArray<Rendering>;
}

interface Values {
  readonly list: ReadonlyArray<number>;
  readonly words: ReadonlyArray<string>;
  readonly text: string;
  readonly number: number;
}

type Way<A, K> = readonly [code: string, run: (value: A, k: K) => Value];

interface Options<A, K> {
  readonly id: string;
  readonly role: Role;
  readonly tier: Tier;
  readonly say: ReadonlyArray<string | readonly [text: string, tier: Tier]>;
  readonly right: Way<A, K>;
  readonly wrong: ReadonlyArray<Way<A, K>>;
}

const rendering = <A, K>([code, run]: Way<A, K>): Rendering => ({
  code,
  run: run as (value: never, k: never) => Value as Rendering["run"],
});

/** Builds operations from one kind to another; `constants` fixes the type of `k`. */
export const define =
  <F extends Kind, K extends Constant = number>(from: F, to: Kind, constants: ReadonlyArray<K> = []) =>
  (options: Options<Values[F], K>): Operation => ({
    id: options.id,
    from,
    to,
    role: options.role,
    tier: options.tier,
    constants,
    phrases: options.say.map((say) =>
      typeof say === "string" ? { text: say } : { text: say[0], tier: say[1] },
    ),
    right: rendering(options.right),
    mistakes: options.wrong.map((way) => rendering(way)),
  });

/** The expression after a step. */
export const write = (way: Rendering, expression: string, k: Constant): string =>
  way.code
    .replaceAll("{k-1}", () => String(Number(k) - 1))
    .replaceAll("{k}", () => String(k))
    .replace("{e}", () => expression);

/** The phrase with its constant. */
export const say = (phrase: Phrase, k: Constant): string => phrase.text.replaceAll("{k}", String(k));

export const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
