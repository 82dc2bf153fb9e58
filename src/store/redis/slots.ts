/** How many slots a cluster has; each primary serves some of them. */
export const SLOTS = 16_384;

/** The slot of a key: of what stands in its first braces, unless that is nothing, or else of the whole key. */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open);
  return crc16(Buffer.from(close > open + 1 ? key.slice(open + 1, close) : key)) % SLOTS;
}

/** Looking for one takes up to 30 ms. */
const foundTags = new Map<number, string>();

/** A short text that, in braces, puts a key into a slot. */
export function tagOf(slot: number): string {
  for (let i = 0; !foundTags.has(slot); i++) {
    const tag = i.toString(36);
    if (crcOfAscii(tag) % SLOTS === slot) foundTags.set(slot, tag);
  }
  return foundTags.get(slot)!;
}

/** One for each slot, as `tagOf` gives it. */
export function allTags(): string[] {
  const tags: string[] = new Array(SLOTS);
  for (let i = 0, found = 0; found < SLOTS; i++) {
    const tag = i.toString(36);
    const slot = crcOfAscii(tag) % SLOTS;
    if (tags[slot] !== undefined) continue;
    tags[slot] = tag;
    found++;
  }
  return tags;
}

/** CRC-16/XMODEM, by which Redis spreads keys. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = next(crc, byte);
  return crc;
}

/** Of a text that needs no bytes to be made of it: some ten thousand are tried for a tag. */
function crcOfAscii(text: string): number {
  let crc = 0;
  for (let i = 0; i < text.length; i++) crc = next(crc, text.charCodeAt(i));
  return crc;
}

function next(crc: number, byte: number): number {
  return ((crc << 8) ^ crcTable()[((crc >> 8) ^ byte) & 0xff]!) & 0xffff;
}

let table: Uint16Array | undefined;

/** Made when the first slot is asked for: most runs ask for none. */
function crcTable(): Uint16Array {
  table ??= Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    return crc;
  });
  return table;
}
