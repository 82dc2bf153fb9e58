import { truncateText } from "./unicode.ts";
import { widthOf } from "./width.ts";

/** A line of at most `width` columns of the screen, colours kept; what was cut ends in `…`, no wide character is torn. */
export function cut(text: string, width: number): string {
  if (width <= 0) return "";
  if (widthOf(text) <= width) return text;
  // cli-truncate lets a wide character at the end stand out by one column.
  const shortened = truncateText(text, width);
  return widthOf(shortened) > width ? truncateText(text, width - 1) : shortened;
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
