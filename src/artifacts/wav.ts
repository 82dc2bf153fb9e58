/** Anything that is read at a position, such as a FileHandle. */
export interface ReadableAt {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
}

const CHUNK_HEADER = 8;
/** `RIFF`, size, `WAVE`. */
const FILE_HEADER = 12;
/** A file that has more chunks before its audio was made to keep us busy. */
const MOST_CHUNKS = 100;

const PCM = 1;
const FLOAT = 3;
const A_LAW = 6;
const MU_LAW = 7;
const EXTENSIBLE = 0xfffe;
/** Bytes of a frame follow from the channels and the bits of a sample. */
const UNCOMPRESSED = [PCM, FLOAT, A_LAW, MU_LAW];

/**
 * How long a WAV file plays, from its header; undefined for what is none, or does not say. No size in it is believed
 * beyond the end of the file. A writer that streams leaves 0 or 0xFFFFFFFF as the size of the audio: then all that
 * follows is audio.
 *
 * @param size of the file in bytes
 */
export async function wavSeconds(file: ReadableAt, size: number): Promise<number | undefined> {
  const head = await bytesAt(file, 0, FILE_HEADER);
  const kind = head?.toString("latin1", 0, 4);
  if (head === undefined || !["RIFF", "RF64"].includes(kind!) || head.toString("latin1", 8, 12) !== "WAVE") return;
  let bytesPerSecond: number | undefined;
  for await (const chunk of chunksOf(file, FILE_HEADER, size)) {
    if (chunk.id === "fmt ") bytesPerSecond = rateOf(await bytesAt(file, chunk.start, Math.min(chunk.size, 40)));
    if (chunk.id !== "data") continue;
    return bytesPerSecond && (await audioBytes(file, chunk, size)) / bytesPerSecond;
  }
  return undefined;
}

interface Chunk {
  readonly id: string;
  /** Where its content begins. */
  readonly start: number;
  /** As the header says. */
  readonly size: number;
}

async function* chunksOf(file: ReadableAt, from: number, size: number): AsyncGenerator<Chunk> {
  let at = from;
  for (let count = 0; count < MOST_CHUNKS && at + CHUNK_HEADER <= size; count++) {
    const header = await bytesAt(file, at, CHUNK_HEADER);
    if (header === undefined) return;
    const chunk = { id: header.toString("latin1", 0, 4), start: at + CHUNK_HEADER, size: header.readUInt32LE(4) };
    yield chunk;
    at = chunk.start + chunk.size + (chunk.size % 2);
  }
}

async function audioBytes(file: ReadableAt, { start, size }: Chunk, fileSize: number): Promise<number> {
  const rest = fileSize - start;
  if (size === 0 && (await endsInChunks(file, start, fileSize))) return 0;
  return size === 0 ? rest : Math.min(size, rest);
}

/** Whether from here to the end of the file there is nothing but whole chunks, so that audio of size 0 is meant. */
async function endsInChunks(file: ReadableAt, from: number, size: number): Promise<boolean> {
  let end = from;
  for await (const chunk of chunksOf(file, from, size)) {
    if (!/^[ -~]{4}$/.test(chunk.id)) return false;
    end = chunk.start + chunk.size;
  }
  return end === size || end + 1 === size;
}

/** Bytes of audio in a second, by the `fmt ` chunk; undefined where it contradicts itself. */
function rateOf(format: Buffer | undefined): number | undefined {
  if (format === undefined || format.length < 16) return undefined;
  const [channels, sampleRate] = [format.readUInt16LE(2), format.readUInt32LE(4)];
  const [byteRate, frame, bits] = [format.readUInt32LE(8), format.readUInt16LE(12), format.readUInt16LE(14)];
  if (!UNCOMPRESSED.includes(codecOf(format))) return byteRate || undefined;
  const isSound = frame > 0 && frame === channels * Math.ceil(bits / 8);
  return isSound ? sampleRate * frame || undefined : undefined;
}

/** The codec of WAVE_FORMAT_EXTENSIBLE is in the first two bytes of its GUID. */
function codecOf(format: Buffer): number {
  const tag = format.readUInt16LE(0);
  return tag === EXTENSIBLE && format.length >= 26 ? format.readUInt16LE(24) : tag;
}

/** Exactly these bytes; undefined where the file ends before. */
async function bytesAt(file: ReadableAt, at: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done);
    if (bytesRead === 0) return undefined;
    done += bytesRead;
  }
  return bytes;
}
