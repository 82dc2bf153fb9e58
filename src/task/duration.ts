import ms from "ms";

/** The units that a duration is told in; weeks are read but not written. */
const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
] as const;

/**
 * Seconds of a duration such as `30m`, `2h`, `7d`, `-1` or `1.5`; undefined for anything else. A bare number is
 * **seconds** (`ms` would take it for milliseconds). Units are those of `ms`, one in a duration (SPEC section 6).
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(-?\d*\.?\d+) *([a-z]*)$/i.exec(text.trim());
  if (match === null) return undefined;
  const seconds = Number(match[1]) * (match[2] === "" ? 1 : unitSeconds(match[2]));
  // Plus zero makes an ordinary zero of -0.
  return Number.isFinite(seconds) ? seconds + 0 : undefined;
}

function unitSeconds(unit: string): number {
  const milliseconds: number | undefined = ms(`1${unit}` as ms.StringValue);
  return (milliseconds ?? Number.NaN) / 1000;
}

/** A duration in seconds for people, in the largest of days, hours, minutes and seconds that takes it whole: `7d`, `90s`. */
export function formatDuration(seconds: number): string {
  const fit = UNITS.find(([, size]) => seconds !== 0 && seconds % size === 0);
  return fit ? `${seconds / fit[1]}${fit[0]}` : `${seconds}s`;
}

/** About how long ago something was, for people: `3d`, `5h`, `12m`, `40s`, always rounded down. */
export function formatAge(seconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["s", 1];
  return `${Math.max(0, Math.floor(seconds / size))}${unit}`;
}
