import type cliTruncate from "cli-truncate";
import type stringWidth from "string-width";
import { PLAIN } from "../printable.ts";

/** Of plain text what takes two columns; the rest takes one each, and none of it joins with another. */
const WIDE = /[\u3000-\u3029\u3041-\u3096\u309b-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]/g;

/** string-width takes quadratic time: a long text is measured in pieces. */
const PIECE = 512;
const ESCAPE = "\u001b";

/**
 * Columns of the screen that a text takes. Most texts need none of the tables of Unicode, whose loading takes longer than
 * the rest of a short page.
 */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length + (text.match(WIDE)?.length ?? 0);
  if (text.length <= PIECE || text.includes(ESCAPE)) return unicodeWidth(text);
  let width = 0;
  for (let at = 0; at < text.length; ) {
    const end = endOfPiece(text, at + PIECE);
    width += unicodeWidth(text.slice(at, end));
    at = end;
  }
  return width;
}

/** The end of a piece of about so many code units, behind a surrogate pair. */
function endOfPiece(text: string, end: number): number {
  return /[\udc00-\udfff]/.test(text[end] ?? "") ? end + 1 : end;
}

/** The most code units that a column of plain text, or one with colours, is looked for in. */
const [PLAIN_UNITS, MOST_UNITS] = [1, 16];

/** A line of at most `width` columns of the screen, colours kept; what was cut ends in `…`, no wide character is torn. */
export function cut(text: string, width: number): string {
  if (width <= 0) return "";
  const start = beginning(text, width);
  const isWhole = start.length === text.length;
  if (isWhole && widthOf(text) <= width) return text;
  const longer = isWhole ? text : `${start} …`;
  // cli-truncate lets a wide character at the end stand out by one column.
  const shortened = truncateText(longer, width);
  return widthOf(shortened) > width ? truncateText(longer, width - 1) : shortened;
}

/** Whether a text takes no more than `width` columns of the screen. */
export function fits(text: string, width: number): boolean {
  return widthOf(beginning(text, width)) <= width;
}

/** A text, or as much of a longer one as has more than `width` columns: to measure, and to cut, a long text takes long. */
function beginning(text: string, width: number): string {
  const from = text.includes("\u001b") ? MOST_UNITS : PLAIN_UNITS;
  for (let units = from; units <= MOST_UNITS; units *= 2) {
    const end = endOfPiece(text, units * (width + 1));
    if (end >= text.length) return text;
    const start = text.slice(0, end);
    if (units === MOST_UNITS || widthOf(start) > width) return start;
  }
  return text;
}

/** A plain text in lines of at most `width` columns of the screen, broken at spaces where it can be; no wide character is torn. */
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

/** Loaded on first use: the tables of Unicode take longer to load than the rest of a short page. */
export function truncateText(...args: Parameters<typeof cliTruncate>): string {
  truncate ??= require("cli-truncate").default as typeof cliTruncate;
  return truncate(...args);
}

function unicodeWidth(text: string): number {
  width ??= require("#string-width").default as typeof stringWidth;
  return width(text);
}
