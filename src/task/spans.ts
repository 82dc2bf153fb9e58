import type { Zone } from "./time.ts";

/** The times that charts show, up to now: how many bars, each of so many hours of the service's clock. */
export const SPANS = {
  "24h": { bars: 24, hours: 1 },
  "7d": { bars: 28, hours: 6 },
  "30d": { bars: 30, hours: 24 },
} as const;
export type Span = keyof typeof SPANS;
export const SPAN_NAMES = Object.keys(SPANS) as readonly Span[];

const HOUR = 3600;

/** Where each bar begins and the last one, which has `now`, ends. Bars of more than an hour begin at round times of the wall clock. */
export function boundsOf(span: Span, now: number, zone: Zone): number[] {
  const { bars, hours } = SPANS[span];
  const size = hours * HOUR;
  const offset = zone.offsetAt(now);
  const begin = (bar: number) => (hours === 1 ? bar * size - offset : zone.toEpoch(bar * size));
  let next = Math.floor((now + offset) / size) + 1;
  while (begin(next) <= now) next++; // the wall clock was put back over the beginning of a bar
  return Array.from({ length: bars + 1 }, (_, i) => begin(next - bars + i));
}

/** The bar of a time; -1 if it is in none. */
export function barAt(bounds: readonly number[], time: number): number {
  const [first, last] = [bounds[0]!, bounds.at(-1)!];
  if (!(time >= first && time < last)) return -1;
  let bar = Math.floor(((time - first) / (last - first)) * (bounds.length - 1));
  while (time < bounds[bar]!) bar--;
  while (time >= bounds[bar + 1]!) bar++;
  return bar;
}
