/** The most bytes that a UTF-16 unit of a string takes in UTF-8. */
export const MOST_BYTES = 3;

/** Up to this length a string is quicker written byte by byte than by a call of Node's. */
const SHORT = 64;

/** Writes a text as UTF-8, where there is room for it, and says how many bytes it took. */
export function writeText(bytes: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > SHORT) return bytes.write(text, at, "utf8");
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return bytes.write(text, at, "utf8");
    bytes[at + i] = unit;
  }
  return length;
}
