/** Whether this is a long run: `npm run faults`. */
export const LONG = process.env.TTSCTL_FAULTS === "long";

/** All cases in a long run; in others the first, which represent them. */
export function first<T>(count: number, cases: readonly T[]): readonly T[] {
  return LONG ? cases : cases.slice(0, count);
}
