/** How a service lays out its tasks in Redis and on the disk (SPEC section 10). */
export const LAYOUT_NAMES = ["plain", "api_ms"] as const;
export type LayoutName = (typeof LAYOUT_NAMES)[number];

/** The time that scores a task in its user's index; later versions of the published service use `created_at`. */
export type UserScoreField = "updated_at" | "created_at";

/** Ranks of the bytes of ids, by which members of the index compare; that of the colon between both ids comes last. */
export type ByteRanks = Uint16Array;
/** The place in ByteRanks of the colon between user id and task id. */
export const COLON_BETWEEN = 256;

const NO_FILE_NAME = /[^A-Za-z0-9_-]/gu;

/** The encoded name of an id in the layout `api_ms`: other ids may have it too. */
export function fileNameOf(id: string): string {
  return id.replace(NO_FILE_NAME, "_") || "anonymous";
}

let ranks: ByteRanks | undefined;

/** The order of quoted members: no two bytes are quoted alike, and none as the beginning of another. */
export function quotedRanks(): ByteRanks {
  if (ranks !== undefined) return ranks;
  const quoted = Array.from({ length: COLON_BETWEEN + 1 }, (_, byte) => quotedByte(byte));
  const order = quoted.map((_, byte) => byte).sort((a, b) => (quoted[a]! < quoted[b]! ? -1 : 1));
  ranks = new Uint16Array(quoted.length);
  for (const [rank, byte] of order.entries()) ranks[byte] = rank;
  return ranks;
}

function quotedByte(byte: number): string {
  if (byte === COLON_BETWEEN) return ":";
  return byte < 0x80 ? quotePlus(String.fromCharCode(byte)) : `%${byte.toString(16).toUpperCase()}`;
}

/** What `quote_plus` leaves as it is, beside letters, digits and `_`: `-`, `.` and `~`. */
const NEEDS_QUOTING = /[^\w.~-]/;
/** What `encodeURIComponent` leaves as it is, and `quote_plus` does not. */
const LEFT_BY_URI = /[!'()*]/g;

/** Python's `urllib.parse.quote_plus` of well-formed text. */
export function quotePlus(text: string): string {
  if (!NEEDS_QUOTING.test(text)) return text;
  return encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(LEFT_BY_URI, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Python's `urllib.parse.unquote_plus`: what is no percent sequence stays, and bytes that are no UTF-8 become U+FFFD. */
export function unquotePlus(text: string): string {
  const unquoted = (run: string) => Buffer.from(run.replaceAll("%", ""), "hex").toString();
  return text.replaceAll("+", " ").replace(/(?:%[0-9A-Fa-f]{2})+/g, unquoted);
}
