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

/** Filled from the bottom, in eighths. */
const BLOCKS = "▁▂▃▄▅▆▇█";
export const FULL_BLOCK = BLOCKS.at(-1)!;

/** Blocks need colours. */
type Style = { readonly width: number; readonly blocks: boolean; paint(text: string, status: BarStatus): string };

/** A bar for each hour, of two to seven columns. @param labels two characters an hour */
export function hourChart(hours: readonly StatusCounts[], labels: readonly string[], { width, blocks, paint }: Style) {
  const most = Math.max(0, ...hours.map(({ total }) => total));
  const scale = String(most).length;
  const bar = Math.min(7, Math.max(2, Math.floor((width - scale - 2) / hours.length) - 1));
  const bars = hours.map((counts) => barOf(counts, most, blocks ? Math.ceil : Math.round));
  const signAt = (bar: number, level: number) => {
    if (!blocks) return SIGNS.get(bars[bar]![level]!)!;
    const eighths = Math.ceil(((hours[bar]!.total / most) * HEIGHT - level) * BLOCKS.length);
    return BLOCKS[Math.min(BLOCKS.length, eighths) - 1]!;
  };
  const rows = Array.from({ length: HEIGHT }, (_, i) => {
    const level = HEIGHT - 1 - i;
    const cells = bars.map((statuses, at) => {
      const status = statuses[level];
      return status === undefined ? " ".repeat(bar) : paint(signAt(at, level).repeat(bar), status);
    });
    return `${(i === 0 ? String(most) : "").padStart(scale)} ${blocks ? "│" : "|"}${cells.join(" ")}`;
  });
  const foot = `${"0".padStart(scale)} ${blocks ? "└" : "+"}${labels.map((label) => label.padEnd(bar + 1)).join("")}`;
  return [...rows, foot].map((line) => line.trimEnd());
}

/** The cells of a bar, from the bottom, in proportion to the statuses. A bar of any task has at least one. */
function barOf(counts: StatusCounts, most: number, round: (height: number) => number): BarStatus[] {
  if (counts.total === 0) return [];
  const height = Math.max(1, round((counts.total / most) * HEIGHT));
  const exact = BAR_SIGNS.map(([status]) => (counts[status] / counts.total) * height);
  const cells = exact.map(Math.floor);
  const byRest = exact.map((part, i) => [part - Math.floor(part), i] as const).sort((a, b) => b[0] - a[0]);
  const left = height - cells.reduce((sum, part) => sum + part, 0);
  for (const [, i] of byRest.slice(0, left)) cells[i]!++;
  return BAR_SIGNS.flatMap(([status], i) => Array<BarStatus>(cells[i]!).fill(status));
}
