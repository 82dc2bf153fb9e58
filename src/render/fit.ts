/** How one column may give way where a table is wider than the terminal. All widths are columns of the screen. */
export interface Room {
  /** What it takes whole. */
  readonly full: number;
  /** What it takes without a part that may go (the fraction of a time), or `full`. It has no width between the two. */
  readonly short?: number;
  /** Narrower than this it says nothing. */
  readonly least: number;
  /** The round in which it gives way, 0 first. */
  readonly round: number;
  /** Whether it may be left out. */
  readonly mayGo: boolean;
  /** Whether no row has anything in it. */
  readonly isEmpty?: boolean;
}

export const GAP = 2;

/**
 * A width for each column, null for one that is left out: together with the gaps they fit `available`. Columns are
 * narrowed round by round, the widest first; where that is not enough the first to give way goes, and the others are
 * fitted anew.
 */
export function fitColumns(columns: readonly Room[], available: number | null): (number | null)[] {
  const widths: (number | null)[] = columns.map(({ full }) => full);
  if (available === null) return widths;
  for (const kept = columns.map((_, i) => i); ; ) {
    for (const i of kept) widths[i] = columns[i]!.full;
    if (narrowed(columns, kept, widths, available)) return widths;
    const gone = firstToGo(columns, kept);
    if (gone === undefined) break;
    kept.splice(kept.indexOf(gone), 1);
    widths[gone] = null;
  }
  squeeze(widths, available);
  return widths;
}

function narrowed(columns: readonly Room[], kept: readonly number[], widths: (number | null)[], available: number) {
  const rounds = [...new Set(kept.map((i) => columns[i]!.round))].sort((a, b) => a - b);
  for (const round of rounds) {
    const giving = kept.filter((i) => columns[i]!.round === round);
    // Times lose their fractions together.
    if (excess(widths, available) > 0) for (const i of giving) widths[i] = columns[i]!.short ?? widths[i]!;
    while (excess(widths, available) > 0) {
      const able = giving.filter((i) => columns[i]!.short === undefined && widths[i]! > columns[i]!.least);
      if (able.length === 0) break;
      const widest = able.reduce((best, i) => (widths[i]! > widths[best]! ? i : best));
      widths[widest]!--;
    }
  }
  const fits = excess(widths, available) <= 0;
  if (fits) giveBack(columns, kept, widths, available);
  return fits;
}

/** What is over when a fraction went is for those that were narrowed before, the last to give way first. */
function giveBack(columns: readonly Room[], kept: readonly number[], widths: (number | null)[], available: number) {
  const able = kept.filter((i) => columns[i]!.short === undefined);
  for (const i of able.toSorted((a, b) => columns[b]!.round - columns[a]!.round)) {
    widths[i] = Math.min(columns[i]!.full, widths[i]! - excess(widths, available));
  }
}

/** The column that goes next: one without content, else the last of those that give way first. */
function firstToGo(columns: readonly Room[], kept: readonly number[]): number | undefined {
  const able = kept.filter((i) => columns[i]!.mayGo);
  const order = (i: number) => (columns[i]!.isEmpty ? -1 : columns[i]!.round);
  return able.toReversed().sort((a, b) => order(a) - order(b))[0];
}

/** The last resort on a very narrow screen: what must stay is cut to next to nothing. */
function squeeze(widths: (number | null)[], available: number): void {
  while (excess(widths, available) > 0) {
    const widest = Math.max(...widths.map((width) => width ?? 0));
    if (widest <= 1) return;
    widths[widths.indexOf(widest)]!--;
  }
}

function excess(widths: readonly (number | null)[], available: number): number {
  const shown = widths.filter((width) => width !== null);
  return shown.reduce((sum, width) => sum + width + GAP, -GAP) - available;
}
