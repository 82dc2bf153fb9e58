import type { Row } from "./row.ts";

/** A row on the screen. */
export interface ShownRow extends Row {
  /** No longer on this page of the list: pushed to another, or deleted. */
  readonly left: boolean;
  /** In neither store any more. */
  readonly isGone?: boolean;
}

/** Rows kept in their places, and what a fresh answer would change about them. */
export interface Held {
  readonly rows: readonly ShownRow[];
  /** How many new tasks the answer has. On later pages none count: older tasks may have moved there. */
  readonly added: number;
  /** Whether it differs in anything but the contents of rows. */
  readonly differs: boolean;
}

export function shownRows(rows: readonly Row[]): ShownRow[] {
  return rows.map((row) => ({ ...row, left: false }));
}

/**
 * Updates the rows on the screen in place: none is added, removed or moved. New tasks are only counted.
 */
export function holdRows(shown: readonly ShownRow[], fresh: readonly Row[], page: number): Held {
  const byKey = new Map(fresh.map((row) => [row.key, row]));
  const rows = shown.map((row) => {
    const now = byKey.get(row.key);
    return now === undefined ? { ...row, left: true } : { ...now, left: false };
  });
  const known = new Set(shown.map(({ key }) => key));
  // Those after the last known one may have moved up from the next page.
  const end = fresh.findLastIndex(({ key }) => known.has(key));
  const unknown = (end === -1 ? fresh : fresh.slice(0, end)).filter(({ key }) => !known.has(key));
  const added = page > 1 ? 0 : unknown.length;
  const differs = shown.length !== fresh.length || shown.some(({ key }, i) => key !== fresh[i]!.key);
  return { rows, added, differs };
}
