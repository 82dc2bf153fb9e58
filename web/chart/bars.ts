import type { StatusCounts } from "../../src/operations/stats/types.ts";
import { BAR_SIGNS, type BarStatus } from "../../src/render/hour-chart.ts";

/** From the bottom of a bar to its top. */
export const BAR_ORDER: readonly BarStatus[] = BAR_SIGNS.map(([status]) => status);

/** A part of a bar; `from` and `height` in per cent of the chart, from the bottom. */
interface Segment {
  readonly status: BarStatus;
  readonly from: number;
  readonly height: number;
}

/** One failed task among ten thousand must be seen: no part is lower than this, in per cent. */
const LEAST = 2;

/** The bar of one hour. It is never higher than the chart. */
export function segmentsOf(counts: StatusCounts, top: number): Segment[] {
  const parts = BAR_ORDER.filter((status) => counts[status] > 0);
  const wanted = parts.map((status) => Math.max(LEAST, (counts[status] / top) * 100));
  const sum = wanted.reduce((all, height) => all + height, 0);
  const shrink = sum > 100 ? 100 / sum : 1;
  let from = 0;
  return parts.map((status, i) => {
    const segment = { status, from, height: wanted[i]! * shrink };
    from += segment.height;
    return segment;
  });
}

/** Round numbers, so close that the highest bar fills most of the chart. */
const STEPS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

/** The top of the scale: the largest hourly count, rounded up to a round number. */
export function topOf(hours: readonly StatusCounts[]): number {
  const most = Math.max(1, ...hours.map(({ total }) => total));
  const power = 10 ** (String(most).length - 1);
  return STEPS.map((step) => Math.round(step * power * 10) / 10).find((top) => Number.isInteger(top) && top >= most)!;
}
