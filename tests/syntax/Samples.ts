/**
 * Programs with marks, from which variants are written that must be equal or must differ:
 * `‹x›` an own name; `·` blanks or nothing; `¬` blanks, at least one; `¶` a line end that may have a comment before
 * it and blank or comment lines after it; `«a|b»` a constant, an operator or a name of the language, with another.
 */
import type { Language } from "../../src/domain/Task.ts";
import type { Random } from "../../src/random/Random.ts";

export interface Sample {
  readonly language: Language;
  readonly entryPoint: string;
  readonly text: string;
}

export const samples: ReadonlyArray<Sample> = [
  {
    language: "python",
    entryPoint: "solve",
    text: `import math¶def ‹helper›(‹a›,·‹b›=«1|2»):¶    ‹total›·«+=|-=»·‹a› if ‹a› «<|<=» ‹b› else ‹b›¶    return ‹total›¶
def solve(‹xs›,·*‹rest›):¶    ‹best›,·‹i›¬=¬«0|1»,·[]¶    for ‹x›,·(‹y›,·‹z›)¬in «zip|map»(‹xs›,·‹rest›):¶        if ‹x› «and|or» not ‹y›:¶            ‹best›·=·«max|min»(‹best›,·‹helper›(‹x›,·«'a'|'b'»)) «**|*» math.«floor|ceil»(‹z›)¶        elif (‹w› := ‹x›[«0|-1»]) is None: continue¶        else:¶            ‹i›.«append|extend»([‹k› for ‹k› in ‹x› if ‹k›])¶    with open(f"{‹best›}:{‹x›}") as ‹h›:¶        pass¶    try:¶        return «sorted|list»(‹i›,·key=lambda ‹t›: ‹t›[1])¶    except ValueError as ‹e›:¶        raise¶`,
  },
  {
    language: "python",
    entryPoint: "main",
    text: `from collections import defaultdict as dd¶class Node:¶    size = «3|4»¶    def __init__(self,·‹value›):¶        self.value·=·‹value›¶
def main():¶    ‹n›·=·int(input())¶    ‹d›·=·dd(«int|list»)¶    while ‹n› «>|>=» «0|1»:¶        ‹d›[‹n› «%|//» 2]·+=·Node(‹n›).«value|size»¶        ‹n›·-=·1¶    print(*(‹p› for ‹p› in ‹d›),·sep="«, |;»")¶if __name__ == "__main__":¶    main()¶`,
  },
  {
    language: "javascript",
    entryPoint: "f",
    text: `const ‹limit›·=·«10|11»;¶function ‹helper›(‹a›,·[‹b›,·...‹c›],·{ key: ‹d›·=·1 })·{¶  return ‹a›·«+|-»·‹b›·«&&|\\|\\|»·‹c›.length·/ 2·>·‹d› ? /[a/]+/«g|i»·: ‹limit›;¶}¶
function f(‹xs›)·{¶  let ‹best›·=·«Infinity|NaN»;¶  for (const ‹x› of ‹xs›)·{¶    if (‹x›·«===|==»·null) continue;¶    ‹best›·=·Math.«min|max»(‹best›,·‹helper›(‹x›,·[«1|2»],·{}))¶  }¶  for (let ‹i›·=·0;·‹i›·«<|<=»·3;·‹i›++) ‹xs›.push(‹i›)¶  try·{ throw \`a \${‹best› + 1} «b|c»\` } catch (‹e›)·{ console.log(‹e›) }¶  return ‹xs›.map((‹y›)·=>·‹y›·«*|**»·‹best›).«filter|find»(Boolean)¶}¶`,
  },
  {
    language: "cpp",
    entryPoint: "main",
    text: `#include <bits/stdc++.h>
#define MOD «1000|1001»
using namespace std;¶
struct Point·{·int px,·py;·};¶int ‹gcdOf›(int ‹a›,·int ‹b›)·{·return ‹b›·«==|!=»·0·?·‹a›·:·‹gcdOf›(‹b›,·‹a›·«%|/»·‹b›);·}¶
int main()·{¶  int ‹n›,·‹total›·=·«0|1»;¶  cin·«>>|<<»·‹n›;¶  vector<vector<«int|char»>> ‹grid›(‹n›);¶  for (int ‹i›·=·0;·‹i›·«<|<=»·‹n›;·‹i›++)·{¶    if (‹i› «and|or» not ‹n›) ‹n›·=·1;¶    Point ‹p›;·‹p›.«px|py»·=·‹i›;¶    ‹total›·«+=|-=»·«max|min»(‹gcdOf›(‹p›.px,·‹n›),·(int)‹grid›[‹i›].size());¶  }¶  for (auto &‹row›·:·‹grid›) for (auto ‹v›·:·‹row›) ‹total›·+=·‹v›;¶  auto ‹show›·=·[&](int ‹w›)·{·cout·<<·‹w›·%·MOD·<<·"«a|b»\\n";·};¶  ‹show›(‹total›);¶  return 0;¶}¶`,
  },
];

const names = /‹([^›]+)›/g;
const choices = /«((?:\\.|[^|\\»])+)\|((?:\\.|[^|\\»])+)»/g;
const unescape = (text: string): string => text.replace(/\\\|/g, "|");

/** How many places of a sample have a choice. */
export const choiceCount = ({ text }: Sample): number => [...text.matchAll(choices)].length;

/** The sample's text: `changed`, the number of a choice that is taken the other way. */
export const plain = (sample: Sample, changed?: number): string => {
  let number = 0;
  return sample.text
    .replace(choices, (_, first: string, second: string) => unescape(number++ === changed ? second : first))
    .replace(names, "$1")
    .replace(/·/g, "")
    .replace(/¬/g, " ")
    .replace(/¶\n?/g, "\n");
};

/** The same program with other names, blanks, blank lines and comments. */
export const variant = (sample: Sample, random: Random): string => {
  const fresh = new Map<string, string>();
  const used = new Set<string>();
  const comment = sample.language === "python" ? "#" : "//";
  const rename = (name: string): string => {
    const known = fresh.get(name);
    if (known !== undefined) return known;
    let made = "";
    do
      made = `${random.pick(["q", "zz", "Ab_", "v", sample.language === "cpp" ? "w_" : "ü"])}${random.int(40)}x`;
    while (used.has(made));
    used.add(made);
    fresh.set(name, made);
    return made;
  };
  const blanks = (least: number): string => " ".repeat(least + random.int(3));
  const words = (): string =>
    `${comment}${random.pick(["", " why", " 'it", ' "x', " def f(): (", ";", " /* */", "{ }"])}`;
  return sample.text
    .replace(choices, (_, first: string) => unescape(first))
    .replace(names, (_, name: string) => rename(name))
    .replace(/·/g, () =>
      sample.language !== "python" && random.chance(0.1)
        ? random.pick(["/* ; */", "/**/", "\n", "\t"])
        : blanks(0),
    )
    .replace(/¬/g, () => blanks(1))
    .replace(/¶\n?/g, () => {
      const own = random.chance(0.3) ? `${blanks(1)}${words()}` : blanks(0);
      const more = Array.from({ length: random.int(3) }, () =>
        random.chance(0.5) ? `${blanks(0)}\n` : `${blanks(0)}${words()}\n`,
      );
      return `${own}\n${more.join("")}`;
    });
};
