import { PLAIN } from "../printable.ts";
import { unicodeWidth } from "./unicode.ts";

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
export function endOfPiece(text: string, end: number): number {
  return /[\udc00-\udfff]/.test(text[end] ?? "") ? end + 1 : end;
}
