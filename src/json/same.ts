import { type JsonValue, NumberText, parseJsonValue } from "./value.ts";

/** Two values that must be the same; undefined where one is missing. */
type Pair = readonly [JsonValue, JsonValue | undefined];

/** Whether two JSON texts hold the same value; the order of keys does not matter, the text of numbers does. */
export function sameJson(a: string, b: string): boolean {
  if (a === b) return true;
  const due: Pair[] = [[parseJsonValue(a), parseJsonValue(b)]];
  while (due.length > 0) {
    const inside = sameOutside(...due.pop()!);
    if (inside === null) return false;
    for (const pair of inside) due.push(pair);
  }
  return true;
}

/** What must be the same inside two values that are so outside, or null. */
function sameOutside(a: JsonValue, b: JsonValue | undefined): Pair[] | null {
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length ? a.map((item, i): Pair => [item, b[i]]) : null;
  }
  if (a instanceof Map) {
    return b instanceof Map && a.size === b.size ? [...a].map(([key, item]): Pair => [item, b.get(key)]) : null;
  }
  const same = a instanceof NumberText ? b instanceof NumberText && a.text === b.text : a === b;
  return same ? [] : null;
}
