/** Filling slots of the key-value cache with prompts: each distinct prompt once, a prefix of all of them once. */
import type { Session } from "../../tensor/Session.ts";
import * as DecodeGraph from "./DecodeGraph.ts";
import * as GenerationGraph from "./GenerationGraph.ts";

type Prompt = ReadonlyArray<number>;

export interface Target {
  readonly slot: number;
  readonly prompt: Prompt;
}

/** What of a prompt prefill computes: all but its last token, which the first decoding step reads. */
const body = (prompt: Prompt): Prompt => prompt.slice(0, -1);

/** Length of what all prompts' bodies begin with. */
const commonPrefix = (prompts: ReadonlyArray<Prompt>): number => {
  const [first, ...others] = prompts.map(body);
  if (first === undefined) return 0;
  let length = first.length;
  for (const other of others) {
    let i = 0;
    while (i < length && first[i] === other[i]) i++;
    length = i;
  }
  return length;
};

/** One program's call: distinct prompts and the slots that they go to. */
interface Group {
  readonly rows: ReadonlyMap<string, { readonly row: number; readonly ids: Prompt }>;
  readonly targets: ReadonlyArray<Target>;
}

/** Groups of at most `most` distinct prompts for `fan` slots; equal prompts stand side by side in `targets`. */
const groups = (targets: ReadonlyArray<Target>, most: number, fan: number): ReadonlyArray<Group> => {
  const list: Array<Group> = [];
  let begin = 0;
  while (begin < targets.length) {
    const rows = new Map<string, { readonly row: number; readonly ids: Prompt }>();
    let end = begin;
    for (; end < targets.length && end - begin < fan; end++) {
      const { prompt } = targets[end];
      const key = prompt.join(",");
      if (rows.has(key)) continue;
      if (rows.size === most) break;
      rows.set(key, { row: rows.size, ids: body(prompt) });
    }
    list.push({ rows, targets: targets.slice(begin, end) });
    begin = end;
  }
  return list;
};

/** From the prompts of a group to the function that puts some of them into slots, equal prompts side by side. */
export type Prefills = (prompts: ReadonlyArray<Prompt>) => (targets: ReadonlyArray<Target>) => void;

/** How prompts are put into slots. A prefix that a group shares is computed by the group's first call. */
export const make = (session: Session, p: GenerationGraph.Programs): Prefills => {
  const { name, length: S, keyValueHeads: KV, maxPrompt: P } = p;
  /** Whose prefix the buffers hold. */
  let holder: ReadonlyArray<Prompt> | null = null;

  /** Cache rows [fan, KV, count] of positions start .. start + count - 1, with each target's prompt's row. */
  const placed = ({ rows, targets }: Group, fan: number, start: number, count: number) => {
    const at = new Int32Array(fan * KV * count);
    const source = new Int32Array(fan);
    for (let i = 0; i < fan; i++) {
      // What is left of the fan writes the first target again.
      const { slot, prompt } = targets[i] ?? targets[0];
      source[i] = rows.get(prompt.join(","))?.row as number;
      for (let h = 0; h < KV; h++) {
        for (let t = 0; t < count; t++) {
          at[(i * KV + h) * count + t] = DecodeGraph.rowOf(p.cache, slot, h, Math.min(start + t, S - 1));
        }
      }
    }
    return { at, source };
  };
  const fanOf = ({ targets }: Group): number => (targets.length <= p.prefillBatch ? p.prefillBatch : p.fan);
  /** Token ids [prefillBatch, length] from position `start` on. */
  const padded = ({ rows }: Group, start: number, length: number): Int32Array => {
    const ids = new Int32Array(p.prefillBatch * length);
    for (const { row, ids: prompt } of rows.values()) ids.set(prompt.slice(start), row * length);
    return ids;
  };

  const whole = (group: Group): void => {
    const longest = Math.max(...[...group.rows.values()].map(({ ids }) => ids.length));
    if (longest === 0) return;
    const length = p.lengths.find((l) => l >= longest) as number;
    const fan = fanOf(group);
    const { at, source } = placed(group, fan, 0, length);
    session.run(GenerationGraph.prefillProgram(name, length, fan), {
      [`${name}/prompts-${length}`]: padded(group, 0, length),
      [`${name}/rows-${length}-${fan}`]: at,
      [`${name}/source-${fan}`]: source,
    });
  };

  return (prompts) => {
    const common = p.suffixLengths.length === 0 ? 0 : commonPrefix(prompts);
    const longest = Math.max(0, ...prompts.map((prompt) => prompt.length - 1));
    const suffixLength = p.suffixLengths.find((l) => l >= longest - common);
    const wholeLength = p.lengths.find((l) => l >= longest) ?? P;
    const distinct = new Set(prompts.map((prompt) => prompt.join(","))).size;
    const calls = Math.ceil(distinct / p.prefillBatch);
    // Worth it where the tokens that need not be computed again are more than the prefix's own padded ones.
    const saves =
      common > 0 && suffixLength !== undefined && calls * p.prefillBatch * (wholeLength - suffixLength) > P;
    if (!saves) return (targets) => groups(targets, p.prefillBatch, p.fan).forEach(whole);

    const shared = (group: Group): void => {
      if (holder !== prompts) {
        const prefix = new Int32Array(P);
        prefix.set(prompts[0].slice(0, common));
        session.run(GenerationGraph.prefixProgram(name), { [`${name}/prefix`]: prefix });
        holder = prompts;
      }
      const fan = fanOf(group);
      const { at, source } = placed(group, fan, common, suffixLength);
      session.run(GenerationGraph.suffixProgram(name, suffixLength, fan), {
        [`${name}/suffixes-${suffixLength}`]: padded(group, common, suffixLength),
        [`${name}/rows-${suffixLength}-${fan}`]: at,
        [`${name}/prefix-rows-${fan}`]: placed(group, fan, 0, P).at,
        [`${name}/source-${fan}`]: source,
        [`${name}/prefix-length`]: Int32Array.of(common),
      });
    };
    return (targets) => groups(targets, p.prefillBatch, p.fan).forEach(shared);
  };
};
