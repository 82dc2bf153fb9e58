import type { IAudioMetadata, IFormat } from "music-metadata";
import { systemClock } from "../clock.ts";
import { systemErrorCode } from "../errors.ts";

type ReadAt = (buffer: Uint8Array, offset: number, length: number, position: number) => number;

export interface AudioLength {
  seconds?: number;
  /** The content doesn't match the file's extension, or is truncated. */
  damaged?: true;
}

/** Intact files of these types can lack their length: a streamed FLAC, an MP3 with a variable bitrate and no header for it. */
const MAY_NOT_SAY = ["audio/mpeg", "audio/flac"];

/** Reads how long a file plays, unless that needs too much, or is late. @param mediaType by its name @throws the error of a read that fails */
export async function audioLength(
  readAt: ReadAt,
  size: number,
  mediaType: string,
  deadline: number,
): Promise<AudioLength> {
  const { parseBlob } = await import("music-metadata");
  const blob = new FileBlob(boundedReader(readAt, deadline), 0, size, mediaType);
  try {
    // The length of an Ogg is in its last page.
    const metadata = await parseBlob(blob, { duration: mediaType === "audio/ogg", skipCovers: true });
    const seconds = secondsOf(metadata.format, size);
    const maySayNothing = metadata.format.codec !== undefined && MAY_NOT_SAY.includes(mediaType);
    const isDamaged = seconds === undefined ? !maySayNothing : await isCut(metadata, blob);
    return { ...(seconds !== undefined && { seconds }), ...(isDamaged && { damaged: true }) };
  } catch (error) {
    if (systemErrorCode(error) !== undefined) throw error;
    return error instanceof TooMuch ? {} : { damaged: true };
  }
}

/** The offset of the audio in a WAV file without other chunks. */
const WAV_HEADER = 44;

function secondsOf({ container, duration = Number.NaN, bitrate = 0 }: IFormat, size: number): number | undefined {
  // A program that streams WAV leaves 0 as the size of the audio, which is all that follows the header.
  const isStreamed = container === "WAVE" && !Number.isFinite(duration) && bitrate > 0;
  const seconds = isStreamed ? ((size - WAV_HEADER) * 8) / bitrate : duration;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

/** Writers that stream put a size above this into the header. */
const LARGEST_WAV = 0x7fff0000;

async function isCut({ format, quality }: IAudioMetadata, blob: Blob): Promise<boolean> {
  if (format.container === "Ogg") return quality.warnings.length > 0;
  if (format.container !== "WAVE") return false;
  const said = new DataView(await blob.slice(4, 8).arrayBuffer()).getUint32(0, true);
  return said > blob.size && said < LARGEST_WAV;
}

class TooMuch extends Error {}

// Half a megabyte of tags takes the parser a second.
const MOST_BYTES = 8 << 20;
const MOST_BYTES_AT_ONCE = 512 << 10;
const MOST_READS = 10_000;
const BLOCK = 64 << 10;

/** Reads parts of a file through a block that is kept. */
function boundedReader(readAt: ReadAt, deadline: number) {
  let [block, blockStart, bytes, reads] = [new Uint8Array(), 0, 0, 0];
  const readBlock = (start: number, length: number) => {
    if (bytes > MOST_BYTES || systemClock.monotonic() > deadline) throw new TooMuch();
    const next = new Uint8Array(Math.max(length, BLOCK));
    let filled = 0;
    for (let bytesRead = -1; filled < length && bytesRead !== 0; filled += bytesRead) {
      bytesRead = readAt(next, filled, next.length - filled, start + filled);
    }
    [block, blockStart] = [next.subarray(0, filled), start];
    bytes += filled;
  };
  return async (start: number, length: number): Promise<ArrayBuffer> => {
    if (++reads > MOST_READS || length > MOST_BYTES_AT_ONCE) throw new TooMuch();
    if (start < blockStart || start + length > blockStart + block.length) readBlock(start, length);
    return block.slice(start - blockStart, start - blockStart + length).buffer;
  };
}

/** A part of an open file, with what music-metadata uses of a Blob. */
class FileBlob extends Blob {
  constructor(
    private readonly read: ReturnType<typeof boundedReader>,
    private readonly start: number,
    override readonly size: number,
    type = "",
  ) {
    super([], { type });
  }

  override slice(start = 0, end = this.size): FileBlob {
    return new FileBlob(this.read, this.start + start, end - start);
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.read(this.start, this.size);
  }
}
