import { truncateText } from "./unicode.ts";
import { endOfPiece, widthOf } from "./width.ts";

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
