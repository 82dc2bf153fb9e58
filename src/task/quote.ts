/** What `quote_plus` leaves as it is, beside letters, digits and `_`: `-`, `.` and `~`. */
const NEEDS_QUOTING = /[^\w.~-]/;
/** What `encodeURIComponent` leaves as it is, and `quote_plus` does not. */
const LEFT_BY_URI = /[!'()*]/g;
const ASCII_WITH_PERCENT = /[\0-\x7f]*%[\0-\x7f]*/g;
const PERCENT = 0x25;

/** Python's `urllib.parse.quote_plus` of well-formed text. */
export function quotePlus(text: string): string {
  if (!NEEDS_QUOTING.test(text)) return text;
  return encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(LEFT_BY_URI, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Python's `urllib.parse.unquote_plus`: what is no percent sequence stays, and bytes that are no UTF-8 become U+FFFD. */
export function unquotePlus(text: string): string {
  const spaced = text.replaceAll("+", " ");
  return spaced.includes("%") ? spaced.replace(ASCII_WITH_PERCENT, unquoteAscii) : spaced;
}

function unquoteAscii(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const hex = text.slice(at + 1, at + 3);
    const isQuoted = bytes[at] === PERCENT && /^[0-9A-Fa-f]{2}$/.test(hex);
    bytes[length++] = isQuoted ? Number.parseInt(hex, 16) : bytes[at]!;
    if (isQuoted) at += 2;
  }
  return bytes.toString("utf8", 0, length);
}
