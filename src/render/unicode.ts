import type cliTruncate from "cli-truncate";
import type stringWidth from "string-width";

let truncate: typeof cliTruncate | undefined;
let width: typeof stringWidth | undefined;

/** Loaded on first use: the tables of Unicode take longer to load than the rest of a short page. */
export function truncateText(...args: Parameters<typeof cliTruncate>): string {
  truncate ??= require("cli-truncate").default as typeof cliTruncate;
  return truncate(...args);
}

export function unicodeWidth(text: string): number {
  width ??= require("#string-width").default as typeof stringWidth;
  return width(text);
}
