import { copyFile, open } from "node:fs/promises";

const FIELD = Buffer.from('"updated_at": "');
const YEAR = 4;
const CHUNK = 1 << 20;

/**
 * Copies a store file with every hundredth task newer, from the first on: its time moves on by a year or more. The
 * length stays.
 */
export async function changeHundredth(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  const file = await open(to, "r+");
  try {
    const year = Buffer.from(String(new Date().getUTCFullYear() + 1));
    const bytes = Buffer.alloc(CHUNK);
    let seen = 0;
    for (let offset = 0; ; ) {
      const { bytesRead } = await file.read(bytes, 0, CHUNK, offset);
      if (bytesRead <= FIELD.length + YEAR) return;
      const done = bytesRead - FIELD.length - YEAR; // a field across the end comes whole with the next chunk
      const text = bytes.subarray(0, bytesRead);
      for (let at = text.indexOf(FIELD); at >= 0 && at < done; at = text.indexOf(FIELD, at + FIELD.length)) {
        if (seen++ % 100 === 0) await file.write(year, 0, YEAR, offset + at + FIELD.length);
      }
      offset += done;
    }
  } finally {
    await file.close();
  }
}
