import { formatAge } from "../task/duration.ts";
import { formatInZone, type TimeReader } from "../task/time.ts";
import type { Zone } from "../task/zone.ts";

/** As the service wrote it, with the offset of the service's zone, or as an age. */
export const TIME_STYLES = ["raw", "iso", "relative"] as const;
export type TimeStyle = (typeof TIME_STYLES)[number];

/** How times are told: by these zones, at this `now` in epoch seconds. */
export interface TimeTelling {
  readonly style: TimeStyle;
  readonly times: TimeReader;
  readonly zone: Zone;
  readonly now: number;
}

/** A time of a record for people; what is no time stays as it is. */
export function timeText(text: string, { style, times, zone, now }: TimeTelling): string {
  if (style === "raw" || text === "") return text;
  const epoch = times.epochOf(text);
  if (!Number.isFinite(epoch)) return text;
  return style === "iso" ? formatInZone(epoch, zone) : relativeTime(now - epoch);
}

/** `3m ago`, `in 2h`, `now`, of seconds gone by; whole units, rounded down. */
export function relativeTime(age: number): string {
  if (Math.abs(age) < 1) return "now";
  return age < 0 ? `in ${formatAge(-age)}` : `${formatAge(age)} ago`;
}

/** A time without the fraction of its second. */
export function withoutFraction(text: string): string {
  return text.replace(/^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)\.\d+/, "$1");
}

/** Whether a field of a record holds a time, by its name. */
export function isTimeField(name: string): boolean {
  return name.endsWith("_at");
}
