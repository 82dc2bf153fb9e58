import { type JsonValue, NumberText, parseJsonValue } from "./value.ts";

/** Two values that must be the same; undefined where one is missing. */
type Pair = readonly [JsonValue, JsonValue | undefined];

/** Whether two numbers are the same: in every letter, or as Python's `json` has them, which writes `1e5` as `100000.0`. */
export type SameNumber = (a: string, b: string) => boolean;

const asWritten: SameNumber = (a, b) => a === b;
export const byValue: SameNumber = (a, b) => Number(a) === Number(b);

/** Whether two JSON texts hold the same value; the order of keys and the spelling of strings do not matter. */
export function sameJson(a: string, b: string, sameNumber: SameNumber = asWritten): boolean {
  if (a === b) return true;
  const due: Pair[] = [[parseJsonValue(a), parseJsonValue(b)]];
  while (due.length > 0) {
    const inside = sameOutside(...due.pop()!, sameNumber);
    if (inside === null) return false;
    for (const pair of inside) due.push(pair);
  }
  return true;
}

/** What must be the same inside two values that are so outside, or null. */
function sameOutside(a: JsonValue, b: JsonValue | undefined, sameNumber: SameNumber): Pair[] | null {
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length ? a.map((item, i): Pair => [item, b[i]]) : null;
  }
  if (a instanceof Map) {
    return b instanceof Map && a.size === b.size ? [...a].map(([key, item]): Pair => [item, b.get(key)]) : null;
  }
  const same = isNumber(a) ? isNumber(b) && sameNumber(String(a), String(b)) : a === b;
  return same ? [] : null;
}

function isNumber(value: JsonValue | undefined): value is number | NumberText {
  return typeof value === "number" || value instanceof NumberText;
}
