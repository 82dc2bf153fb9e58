import { SEED } from "./seed.ts";

/** Whether this is a long run: `npm run faults`. */
export const LONG = process.env.TTSCTL_FAULTS === "long";

/** All cases in a long run; in others the first, which represent them. */
export function first<T>(count: number, cases: readonly T[]): readonly T[] {
  return LONG ? cases : cases.slice(0, count);
}

/** All whole numbers from one to before another in a long run; in others every nth of them, others for each seed. */
export function everyNth(nth: number, from: number, end: number): number[] {
  const all = Array.from({ length: end - from }, (_, i) => from + i);
  return LONG ? all : all.filter((number) => (number + SEED) % nth === 0);
}
