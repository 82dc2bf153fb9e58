import type { StatusCounts } from "../operations/stats/tally.ts";

/** From the bottom of a bar to its top, each with its own sign, for terminals without colours. */
export const BAR_SIGNS = [
  ["done", "#"],
  ["error", "x"],
  ["run", ">"],
  ["wait", "."],
  ["other", "?"],
] as const;
export type BarStatus = (typeof BAR_SIGNS)[number][0];
const SIGNS = new Map<BarStatus, string>(BAR_SIGNS);

const HEIGHT = 8;

export type Piece = readonly [text: string, status: BarStatus | null];

/** Filled from the bottom, in eighths. */
const BLOCKS = "▁▂▃▄▅▆▇█";
export const FULL_BLOCK = BLOCKS.at(-1)!;

/** A bar for each hour, of two to seven columns. @param labels two characters an hour @param blocks need colours */
export function hourChart(hours: readonly StatusCounts[], labels: readonly string[], width: number, blocks = false) {
  const most = Math.max(0, ...hours.map(({ total }) => total));
  const scale = String(most).length;
  const bar = Math.min(7, Math.max(2, Math.floor((width - scale - 2) / hours.length) - 1));
  const bars = hours.map((counts) => barOf(counts, most, blocks ? Math.ceil : Math.round));
  const signAt = (bar: number, level: number) => {
    if (!blocks) return SIGNS.get(bars[bar]![level]!)!;
    const eighths = Math.ceil(((hours[bar]!.total / most) * HEIGHT - level) * BLOCKS.length);
    return BLOCKS[Math.min(BLOCKS.length, eighths) - 1]!;
  };
  const rows = Array.from({ length: HEIGHT }, (_, i): Piece[] => {
    const level = HEIGHT - 1 - i;
    const pieces = bars.flatMap((cells, i): Piece[] => {
      const status = cells[level] ?? null;
      const piece: Piece = [(status === null ? " " : signAt(i, level)).repeat(bar), status];
      return [piece, [" ", null]];
    });
    return [[`${(i === 0 ? String(most) : "").padStart(scale)} ${blocks ? "│" : "|"}`, null], ...pieces];
  });
  const foot = `${"0".padStart(scale)} ${blocks ? "└" : "+"}${labels.map((label) => label.padEnd(bar + 1)).join("")}`;
  return [...rows, [[foot.trimEnd(), null] as Piece]];
}

/** The cells of a bar, from the bottom, in proportion to the statuses. A bar of any task has at least one. */
function barOf(counts: StatusCounts, most: number, round = Math.round): BarStatus[] {
  if (counts.total === 0) return [];
  const height = Math.max(1, round((counts.total / most) * HEIGHT));
  const exact = BAR_SIGNS.map(([status]) => (counts[status] / counts.total) * height);
  const cells = exact.map(Math.floor);
  const byRest = exact.map((part, i) => [part - Math.floor(part), i] as const).sort((a, b) => b[0] - a[0]);
  for (let left = height - cells.reduce((sum, part) => sum + part, 0), at = 0; left > 0; left--, at++) {
    cells[byRest[at]![1]]!++;
  }
  return BAR_SIGNS.flatMap(([status], i) => Array<BarStatus>(cells[i]!).fill(status));
}
