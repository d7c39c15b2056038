/** How unlike what is known a program is: Jaccard distance of character shingles to the nearest known one. Pure. */

const LENGTH = 5;

/** The text's runs of five characters, blanks aside; the text itself where it is shorter. */
export const shingles = (text: string): ReadonlySet<string> => {
  const dense = text.replaceAll(/\s+/g, "");
  const found = new Set<string>();
  for (let i = 0; i + LENGTH <= dense.length; i++) found.add(dense.slice(i, i + LENGTH));
  return found.size > 0 ? found : new Set([dense]);
};

/** 1 - |a and b| / |a or b|, in [0, 1]. */
export const distance = (a: ReadonlySet<string>, b: ReadonlySet<string>): number => {
  let common = 0;
  for (const shingle of a) if (b.has(shingle)) common++;
  return 1 - common / (a.size + b.size - common);
};

/** Of each program, to the nearest of `known` and of those before it; 1 where there are none. */
export const of = (programs: ReadonlyArray<string>, known: ReadonlyArray<string>): ReadonlyArray<number> => {
  const all = known.map(shingles);
  return programs.map((program) => {
    const own = shingles(program);
    const least = all.reduce((nearest, other) => Math.min(nearest, distance(own, other)), 1);
    all.push(own);
    return least;
  });
};
