import ms from "ms";

/** Examples, for people. */
export const DURATIONS = "30m, 2h, 7d";

/** Seconds of a duration such as `30m`, `7d`, `-1` or `1.5` (bare numbers are seconds), with one unit of `ms`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  // A longer text is no duration, and would take `ms` and an expression long.
  const match = text.length > LONGEST ? null : /^(-?(?:\d+(?:\.\d+)?|\.\d+)) *([a-z]*)$/i.exec(text.trim());
  if (match === null) return undefined;
  const milliseconds: number | undefined = ms(`1${match[2] || "s"}` as ms.StringValue);
  const seconds = Number(match[1]) * ((milliseconds ?? Number.NaN) / 1000);
  // Plus zero makes an ordinary zero of -0.
  return Number.isFinite(seconds) ? seconds + 0 : undefined;
}

const LONGEST = 64;
