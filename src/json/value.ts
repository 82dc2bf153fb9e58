/**
 * A number whose text a double cannot give back (`1.0`, twenty digits, `1e5`). Everything that shows a record
 * shows the text.
 */
export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type JsonValue = null | boolean | number | string | NumberText | JsonValue[] | Map<string, JsonValue>;

/** Strings without an alternative for each character, which would overflow the stack of the matcher on a long one. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[[\]{},:]|true|false|null/g;

/** The value of valid JSON text, with every number's text kept and objects as maps (so `__proto__` is a key like any). */
export function parseJsonValue(text: string): JsonValue {
  const tokens = text.match(TOKEN) ?? [];
  let at = 0;
  const value = (): JsonValue => {
    const token = tokens[at++]!;
    if (token === "{") return object();
    if (token === "[") return array();
    return scalar(token);
  };
  const array = (): JsonValue[] => {
    const items: JsonValue[] = [];
    while (tokens[at] !== "]") {
      items.push(value());
      if (tokens[at] === ",") at++;
    }
    at++;
    return items;
  };
  const object = (): Map<string, JsonValue> => {
    const fields = new Map<string, JsonValue>();
    while (tokens[at] !== "}") {
      const key = JSON.parse(tokens[at]!) as string;
      at += 2;
      fields.set(key, value());
      if (tokens[at] === ",") at++;
    }
    at++;
    return fields;
  };
  return value();
}

function scalar(token: string): JsonValue {
  if (token === "null") return null;
  if (token === "true" || token === "false") return token === "true";
  if (token.startsWith('"')) return JSON.parse(token) as string;
  return String(Number(token)) === token ? Number(token) : new NumberText(token);
}

/** A value as compact JSON text again, numbers as they were. */
export function jsonOf(value: JsonValue): string {
  if (value instanceof NumberText) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(",")}]`;
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${JSON.stringify(key)}:${jsonOf(item)}`).join(",")}}`;
  return JSON.stringify(value);
}
