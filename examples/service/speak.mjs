const RATE = 8000;
const MS_A_LETTER = 50;

/**
 * A WAV file that hums a text: one tone a letter.
 * @throws Error for a text without letters
 */
export function speak(text) {
  const letters = [...String(text ?? "").replaceAll(/\s/g, "")];
  if (letters.length === 0) throw new Error("there is nothing to say");
  const each = (RATE * MS_A_LETTER) / 1000;
  const samples = new Int16Array(letters.length * each);
  letters.forEach((letter, i) => {
    const pitch = 220 + (letter.codePointAt(0) % 440);
    for (let n = 0; n < each; n++) samples[i * each + n] = 8000 * Math.sin((2 * Math.PI * pitch * n) / RATE);
  });
  return Buffer.concat([header(samples.byteLength), Buffer.from(samples.buffer)]);
}

/** RIFF, 16 bit, mono. */
function header(bytes) {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0, "latin1");
  head.writeUInt32LE(36 + bytes, 4);
  head.write("WAVEfmt ", 8, "latin1");
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(RATE * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36, "latin1");
  head.writeUInt32LE(bytes, 40);
  return head;
}
