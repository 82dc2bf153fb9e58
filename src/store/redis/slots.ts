/** How many slots a cluster has; each primary serves some of them. */
export const SLOTS = 16_384;

/** The slot of a key: of the text in its first braces, unless that is empty, else of the whole key. */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  return crc16(Buffer.from(hashed).toString("latin1")) % SLOTS;
}

/** CRC-16/XMODEM, by which Redis spreads keys. @param bytes one in each character */
function crc16(bytes: string): number {
  let crc = 0;
  for (let i = 0; i < bytes.length; i++) {
    crc = ((crc << 8) ^ CRC_TABLE[((crc >> 8) ^ bytes.charCodeAt(i)) & 0xff]!) & 0xffff;
  }
  return crc;
}

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});
