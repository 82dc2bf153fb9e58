import stringWidth from "string-width";

/** ASCII, dashes, curly quotes, the ellipsis: a column each. Chinese and its punctuation: two. None of them joins with another. */
const PLAIN = /^[ -~\u2010-\u2015\u2018-\u201f\u2026\u3000-\u3029\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff60]*$/;
const WIDE = /[\u3000-\u3029\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff60]/g;

/**
 * Columns of the screen that a text takes. Most texts need none of the tables of Unicode, whose loading takes longer than
 * the rest of a short page.
 */
export function widthOf(text: string): number {
  return PLAIN.test(text) ? text.length + (text.match(WIDE)?.length ?? 0) : stringWidth(text);
}
