/** A whole number from 0 in the grammar of Python's `int()`, which is how the service reads it; undefined for anything else. */
export function parseInteger(text: string): number | undefined {
  if (!/^\+?\d+(?:_\d+)*$/.test(text)) return undefined;
  const value = Number(text.replaceAll("_", ""));
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A TCP port that can be connected to. */
export function parsePort(text: string): number | undefined {
  const port = parseInteger(text);
  return port !== undefined && port >= 1 && port <= 65_535 ? port : undefined;
}
