import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join } from "node:path";

/** A place in the bundle, whose names are short and whose lines are long. */
const PLACE = /[^\s(]*main\.cjs:(\d+):(\d+)/g;

/** A stack with places in the sources instead of those in the bundle, as far as the map beside it knows them. */
export function sourceStack(stack: string): string {
  const map = bundleMap();
  if (map === undefined) return stack;
  return stack.replace(PLACE, (place, line: string, column: string) => {
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    if (!("originalSource" in entry)) return place;
    const source = entry.originalSource.replace(/^(\.\.\/)+/, "");
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

/** Undefined where there is none: the sources run as they are, or the map was taken away. */
function bundleMap(): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(join(import.meta.dirname, "main.cjs.map"), "utf8")));
  } catch {
    return undefined;
  }
}
