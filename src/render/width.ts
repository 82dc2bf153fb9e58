import type cliTruncate from "cli-truncate";
import type stringWidth from "string-width";
import { PLAIN } from "../printable.ts";

/** The plain characters that take two columns. */
const WIDE = /[\u3000-\u3029\u3041-\u3096\u309b-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]/g;

/** string-width takes quadratic time: a long text is measured in pieces. */
const PIECE = 512;

/** Columns of the screen. For plain text the tables of Unicode aren't loaded, which takes longer than printing a short page. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length + (text.match(WIDE)?.length ?? 0);
  width ??= require("#string-width").default as typeof stringWidth;
  if (text.length <= PIECE || text.includes("\u001b")) return width(text);
  let columns = 0;
  for (let [at, end] = [0, 0]; at < text.length; at = end) {
    end = endOfPiece(text, at + PIECE);
    columns += width(text.slice(at, end));
  }
  return columns;
}

/** The end of a piece, moved behind a surrogate pair. */
function endOfPiece(text: string, end: number): number {
  return /[\udc00-\udfff]/.test(text[end] ?? "") ? end + 1 : end;
}

/** The text in at most `width` columns, with its colours. A cut text ends in `…`. */
export function cut(text: string, width: number): string {
  if (width <= 0) return "";
  const start = beginning(text, width);
  const isWhole = start.length === text.length;
  if (isWhole && widthOf(text) <= width) return text;
  const longer = isWhole ? text : `${start} …`;
  // With a wide character at the end, cli-truncate returns one column too many.
  const shortened = truncateText(longer, width);
  return widthOf(shortened) > width ? truncateText(longer, width - 1) : shortened;
}

export function fits(text: string, width: number): boolean {
  return widthOf(beginning(text, width)) <= width;
}

/** The start of a text, with more than `width` columns if it has them: measuring and cutting long texts is slow. */
function beginning(text: string, width: number): string {
  return text.slice(0, endOfPiece(text, 16 * (width + 1)));
}

/** A text without colours in lines of at most `width` columns, broken at spaces if possible. */
export function wrap(text: string, width: number): string[] {
  if (widthOf(text) <= width) return [text];
  const lines: string[] = [];
  let [line, used] = ["", 0];
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const columns = widthOf(segment);
    if (used + columns > width && line !== "") {
      const space = segment === " " ? line.length : line.lastIndexOf(" ");
      const end = space > 0 ? space : line.length;
      lines.push(line.slice(0, end));
      line = line.slice(end).trimStart();
      used = widthOf(line);
      if (segment === " " && line === "") continue;
    }
    line += segment;
    used += columns;
  }
  return [...lines, line];
}

let truncate: typeof cliTruncate | undefined;
let width: typeof stringWidth | undefined;

export function truncateText(...args: Parameters<typeof cliTruncate>): string {
  truncate ??= require("cli-truncate").default as typeof cliTruncate;
  return truncate(...args);
}
