const MOST_SUGGESTED = 3;
/** From how many characters on a word may be two changes away; a shorter one is at most one away. */
const LONG_WORD = 5;

/** The words most like one that was mistyped, nearest first. Case is ignored. */
export function nearest(word: string, candidates: Iterable<string>): string[] {
  const wanted = [...word.slice(0, 128).toLowerCase()].slice(0, 64);
  const farthest = wanted.length < LONG_WORD ? 1 : 2;
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, far: distance(wanted, [...candidate.toLowerCase()].slice(0, 64)) }))
    .filter(({ far }) => far <= farthest)
    .sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, MOST_SUGGESTED)
    .map(({ candidate }) => candidate);
}

/** What is accepted in place of a word, after what it may have meant. @param known all that may be meant */
export function acceptedFor(word: string, accepted: readonly string[], known: Iterable<string> = accepted): string {
  const like = nearest(word, known).join(" or ");
  return `${like && `did you mean ${like}? `}accepted: ${accepted.join(", ")}`;
}

/** How many characters to add, drop, change or swap with their neighbour. */
function distance(a: readonly string[], b: readonly string[]): number {
  let [last, row] = [[] as number[], b.map((_, j) => j).concat(b.length)];
  a.forEach((char, i) => {
    const next = [i + 1];
    b.forEach((other, j) => {
      const swapped = i > 0 && j > 0 && char === b[j - 1] && a[i - 1] === other ? last[j - 1]! + 1 : Infinity;
      next.push(Math.min(row[j]! + (char === other ? 0 : 1), row[j + 1]! + 1, next[j]! + 1, swapped));
    });
    [last, row] = [row, next];
  });
  return row[b.length]!;
}
