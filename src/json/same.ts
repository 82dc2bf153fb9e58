import { type JsonValue, NumberText, parseJsonValue } from "./value.ts";

/** Whether two JSON texts hold the same value; the order of keys does not matter, the text of numbers does. */
export function sameJson(a: string, b: string): boolean {
  return a === b || sameValue(parseJsonValue(a), parseJsonValue(b));
}

function sameValue(a: JsonValue, b: JsonValue): boolean {
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]!));
  if (a instanceof Map) return b instanceof Map && sameMap(a, b);
  if (a instanceof NumberText) return b instanceof NumberText && a.text === b.text;
  return a === b;
}

function sameMap(a: Map<string, JsonValue>, b: Map<string, JsonValue>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !sameValue(value, other)) return false;
  }
  return true;
}
