/** JSON in browsers since 2025: a reviver gets the source text of a value, and can write it unchanged. */
interface ExactJson {
  parse(text: string, revive: (key: string, value: unknown, context?: { source?: string }) => unknown): unknown;
  rawJSON?(text: string): unknown;
}

/**
 * The fields of a record, each value as text, with numbers as the service wrote them (`1.0`, twenty digits). An older
 * browser rounds them.
 */
export function fieldsOf(json: string): [name: string, text: string][] {
  const exact: ExactJson = JSON;
  const fields = exact.parse(json, (_, value, context) =>
    typeof value === "number" && context?.source !== undefined ? (exact.rawJSON?.(context.source) ?? value) : value,
  );
  return Object.entries(fields as object).map(([name, value]) => [
    name,
    typeof value === "string" ? value : JSON.stringify(value, null, 2),
  ]);
}
