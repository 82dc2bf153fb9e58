import { formatAge } from "../task/amounts.ts";
import { cut, widthOf } from "./width.ts";

/** How far some work is; `seconds` is how long the part that was done since `from` took. */
export interface Progress {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** What was done already when the time began to count. */
  readonly from: number;
  readonly seconds: number;
}

const LONGEST_BAR = 30;
const SHORTEST_BAR = 8;
/** Tasks a second; below it there is no pace worth telling. */
const SLOWEST = 0.05;

/** One line of at most `width` columns: a bar, how much of how much, how fast, how long still. What has no room is left out. */
export function progressLine(progress: Progress, width: number): string {
  const { label, done, total } = progress;
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const numbers = [`${Math.floor(share * 100)}%`, `${grouped(done)} of ${grouped(total)}`, ...pace(progress)];
  for (let shown = numbers.length; shown > 0; shown--) {
    const text = numbers.slice(0, shown).join("  ");
    const room = width - widthOf(label) - widthOf(text) - "  [] ".length;
    if (room >= SHORTEST_BAR) return `${label}  [${bar(share, Math.min(room, LONGEST_BAR))}] ${text}`;
  }
  return cut(`${label}  ${numbers[0]}`, width);
}

/** Tasks a second so far, and how long the rest takes at that. */
function pace({ done, total, from, seconds }: Progress): string[] {
  const rate = (done - from) / seconds;
  if (!(rate >= SLOWEST) || !Number.isFinite(rate)) return [];
  return [`${rate < 10 ? rate.toFixed(1) : grouped(Math.round(rate))}/s`, `${formatAge((total - done) / rate)} left`];
}

function bar(share: number, length: number): string {
  const full = Math.round(share * length);
  return "#".repeat(full) + "-".repeat(length - full);
}

function grouped(count: number): string {
  return count.toLocaleString("en");
}
