import { PLAIN } from "../printable.ts";
import { unicodeWidth } from "./unicode.ts";

/** Of plain text what takes two columns; the rest takes one each, and none of it joins with another. */
const WIDE = /[\u3000-\u3029\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff60]/g;

/**
 * Columns of the screen that a text takes. Most texts need none of the tables of Unicode, whose loading takes longer than
 * the rest of a short page.
 */
export function widthOf(text: string): number {
  return PLAIN.test(text) ? text.length + (text.match(WIDE)?.length ?? 0) : unicodeWidth(text);
}
