/**
 * Mixes datasets by weight: of each as many tasks as its weight asks for, drawn by the seed without repetition, with
 * their attempts. Weights are shares of the mixture; the scarcest dataset is taken whole and sets its size, unless a
 * size is given. Ids that two datasets share get the dataset's name before them.
 */
import * as Random from "../../random/Random.ts";

export interface Part {
  readonly name: string;
  readonly weight: number;
  readonly ids: ReadonlyArray<string>;
}

export interface Options {
  readonly seed: number;
  /** Tasks of the mixture; left out: as many as the weights allow. */
  readonly tasks?: number;
}

export interface Taken {
  /** For each task that is taken its id in the mixture, in the dataset's order. */
  readonly ids: ReadonlyMap<string, string>;
  /** Its ids that another dataset has, too. */
  readonly renamed: number;
}

/** How many tasks of each: in the ratio of the weights, none more than it has. */
export const sizes = (parts: ReadonlyArray<Part>, tasks?: number): ReadonlyArray<number> => {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  if (!(total > 0)) return parts.map(() => 0);
  const most = Math.min(
    ...parts.flatMap(({ ids, weight }) => (weight > 0 ? [(ids.length * total) / weight] : [])),
  );
  const size = Math.min(most, tasks ?? most);
  return parts.map(({ ids, weight }) => Math.min(ids.length, Math.round((size * weight) / total)));
};

/** What is taken of each dataset. Each draws from a generator of its own: one more dataset changes no other's draw. */
export const take = (parts: ReadonlyArray<Part>, options: Options): ReadonlyArray<Taken> => {
  const owners = new Map<string, number>();
  for (const { ids } of parts) for (const id of new Set(ids)) owners.set(id, (owners.get(id) ?? 0) + 1);
  const counts = sizes(parts, options.tasks);
  const used = new Set<string>([...owners].flatMap(([id, count]) => (count === 1 ? [id] : [])));
  return parts.map(({ name, ids }, number) => {
    const random = Random.make(options.seed).split("dataset-mix").split(`${number}:${name}`);
    const chosen = new Set(random.shuffle(ids).slice(0, counts[number]));
    let renamed = 0;
    const taken = new Map<string, string>();
    for (const id of ids) {
      if (!chosen.has(id)) continue;
      if (owners.get(id) === 1) {
        taken.set(id, id);
        continue;
      }
      let fresh = `${name}/${id}`;
      for (let more = 2; used.has(fresh); more++) fresh = `${name}-${more}/${id}`;
      used.add(fresh);
      taken.set(id, fresh);
      renamed++;
    }
    return { ids: taken, renamed };
  });
};
