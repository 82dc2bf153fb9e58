import { formatAge } from "../task/amounts.ts";
import { cut, widthOf } from "./width.ts";

export interface Progress {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** The count when `seconds` began. */
  readonly from: number;
  readonly seconds: number;
}

const LONGEST_BAR = 30;
const SHORTEST_BAR = 8;
/** Tasks a second; a slower pace isn't shown. */
const SLOWEST = 0.05;

/** One line of at most `width` columns: a bar if there is room, counts, pace and remaining time. */
export function progressLine(progress: Progress, width: number): string {
  const { label, done, total } = progress;
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const text = [`${Math.floor(share * 100)}%`, `${grouped(done)} of ${grouped(total)}`, ...pace(progress)].join("  ");
  const room = Math.min(LONGEST_BAR, width - widthOf(label) - widthOf(text) - "  [] ".length);
  return cut(`${label}  ${room >= SHORTEST_BAR ? `[${bar(share, room)}] ` : ""}${text}`, width);
}

/** Tasks a second, and the remaining time. */
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
