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

/** Tasks a second; a slower pace isn't shown. */
const SLOWEST = 0.05;

/** One line of at most `width` columns: a bar if there is room, counts, pace and remaining time. */
export function progressLine({ label, done, total, from, seconds }: Progress, width: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const rate = (done - from) / seconds;
  const pace = `${rate < 10 ? rate.toFixed(1) : grouped(Math.round(rate))}/s  ${formatAge((total - done) / rate)} left`;
  const isPaced = rate >= SLOWEST && Number.isFinite(rate);
  const text = `${Math.floor(share * 100)}%  ${grouped(done)} of ${grouped(total)}${isPaced ? `  ${pace}` : ""}`;
  const room = Math.min(30, width - widthOf(label) - widthOf(text) - "  [] ".length);
  const full = Math.round(share * room);
  const bar = room < 8 ? "" : `[${"#".repeat(full)}${"-".repeat(room - full)}] `;
  return cut(`${label}  ${bar}${text}`, width);
}

function grouped(count: number): string {
  return count.toLocaleString("en");
}
