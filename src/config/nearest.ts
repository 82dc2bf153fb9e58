/** The most letters by which a misspelt name is off. */
const MOST_OFF = 2;

/** The name that is most likely meant by one that is none of them; undefined where none is near. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((other) => ({ other, off: distance(name.toLowerCase(), other.toLowerCase()) }))
    .filter(({ other, off }) => off <= Math.min(MOST_OFF, Math.floor(Math.min(name.length, other.length) / 2)))
    .sort((a, b) => a.off - b.off);
  return ranked[0]?.other;
}

/** Letters to insert, remove, replace, or exchange with their neighbour, to make one text of the other. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const exchanged = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : replaced;
      row.push(Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, replaced, exchanged));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
