const RATE = 8000;
const HEAD = 44;

/** A WAV file of silence: 8 kHz, 16 bit, mono. */
export function wav(seconds: number): Buffer {
  const bytes = seconds * RATE * 2;
  const file = Buffer.alloc(HEAD + bytes);
  file.write("RIFF");
  file.writeUInt32LE(HEAD - 8 + bytes, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(RATE, 24);
  file.writeUInt32LE(RATE * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36);
  file.writeUInt32LE(bytes, 40);
  return file;
}
