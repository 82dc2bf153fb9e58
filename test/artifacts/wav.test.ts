import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { wavSeconds } from "../../src/artifacts/wav.ts";
import "../helpers/python.ts";

/** A file in memory that counts what is read of it. */
class Bytes {
  readonly bytes: Buffer;
  reads = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  async read(buffer: Buffer, offset: number, length: number, position: number) {
    this.reads++;
    return { bytesRead: this.bytes.copy(buffer, offset, position, position + length) };
  }
}

interface Format {
  readonly codec?: number;
  readonly channels?: number;
  readonly rate?: number;
  readonly bits?: number;
  readonly frame?: number;
  readonly byteRate?: number;
  readonly guid?: number;
}

function chunk(id: string, content: Buffer, size = content.length): Buffer {
  const header = Buffer.alloc(8);
  header.write(id, "latin1");
  header.writeUInt32LE(size, 4);
  return Buffer.concat([header, content, Buffer.alloc(content.length % 2)]);
}

function format({ codec = 1, channels = 1, rate = 8000, bits = 16, guid, ...more }: Format = {}): Buffer {
  const frame = more.frame ?? channels * Math.ceil(bits / 8);
  const content = Buffer.alloc(guid === undefined ? 16 : 40);
  content.writeUInt16LE(codec, 0);
  content.writeUInt16LE(channels, 2);
  content.writeUInt32LE(rate, 4);
  content.writeUInt32LE(more.byteRate ?? rate * frame, 8);
  content.writeUInt16LE(frame, 12);
  content.writeUInt16LE(bits, 14);
  if (guid !== undefined) content.writeUInt16LE(guid, 24);
  return chunk("fmt ", content);
}

function riff(chunks: Buffer[], id = "RIFF"): Buffer {
  const body = Buffer.concat(chunks);
  const head = Buffer.alloc(12);
  head.write(id);
  head.writeUInt32LE(body.length + 4, 4);
  head.write("WAVE", 8);
  return Buffer.concat([head, body]);
}

const seconds = (bytes: Buffer) => wavSeconds(new Bytes(bytes), bytes.length);
const AUDIO = Buffer.alloc(16_000, 7);

describe("the length of a WAV file", () => {
  it.each([
    ["PCM", riff([format(), chunk("data", AUDIO)]), 1],
    ["two channels of 24 bits", riff([format({ channels: 2, bits: 24 }), chunk("data", Buffer.alloc(24_000))]), 0.5],
    ["floats", riff([format({ codec: 3, bits: 32 }), chunk("data", AUDIO)]), 0.5],
    ["WAVE_FORMAT_EXTENSIBLE", riff([format({ codec: 0xfffe, guid: 1 }), chunk("data", AUDIO)]), 1],
    ["another codec, by its rate", riff([format({ codec: 85, bits: 0, byteRate: 4000 }), chunk("data", AUDIO)]), 4],
    ["RF64", riff([chunk("ds64", Buffer.alloc(28)), format(), chunk("data", AUDIO, 0xffffffff)], "RF64"), 1],
    ["other chunks around it", riff([chunk("LIST", Buffer.alloc(7)), format(), chunk("data", AUDIO), AUDIO]), 1],
    ["no audio", riff([format(), chunk("data", Buffer.alloc(0))]), 0],
    ["no audio before other chunks", riff([format(), chunk("data", Buffer.alloc(0)), chunk("LIST", AUDIO)]), 0],
    ["a stream of size 0", riff([format(), chunk("data", AUDIO, 0)]), 1],
    ["a stream of silence of size 0", riff([format(), chunk("data", Buffer.alloc(16_000), 0)]), 1],
    ["a stream of size 0xFFFFFFFF", riff([format(), chunk("data", AUDIO, 0xffffffff)]), 1],
    ["a cut file", riff([format(), chunk("data", AUDIO, 32_000)]), 1],
  ])("is told of %s", async (_, bytes, expected) => {
    expect(await seconds(bytes)).toBe(expected);
  });

  it.each([
    ["an empty file", Buffer.alloc(0)],
    ["an Ogg", Buffer.from("OggS0000WAVEfmt ")],
    ["no format", riff([chunk("data", AUDIO)])],
    ["a format that is too short", riff([chunk("fmt ", Buffer.alloc(14)), chunk("data", AUDIO)])],
    ["no channels", riff([format({ channels: 0 }), chunk("data", AUDIO)])],
    ["no rate", riff([format({ rate: 0 }), chunk("data", AUDIO)])],
    ["frames that contradict the channels", riff([format({ frame: 1 }), chunk("data", AUDIO)])],
    ["another codec without a rate", riff([format({ codec: 85, byteRate: 0 }), chunk("data", AUDIO)])],
    ["no audio chunk", riff([format(), chunk("LIST", AUDIO)])],
  ])("is not told of %s", async (_, bytes) => {
    expect(await seconds(bytes)).toBeUndefined();
  });

  it("is exact for every format, wherever other chunks stand", () => {
    const other = fc.tuple(fc.constantFrom("LIST", "fact", "bext", "id3 "), fc.uint8Array({ maxLength: 9 }));
    const arbitrary = fc.record({
      channels: fc.integer({ min: 1, max: 8 }),
      rate: fc.integer({ min: 1, max: 192_000 }),
      bits: fc.constantFrom(8, 12, 16, 24, 32),
      frames: fc.integer({ min: 0, max: 50 }),
      before: fc.array(other, { maxLength: 3 }),
      after: fc.array(other, { maxLength: 3 }),
    });
    return fc.assert(
      fc.asyncProperty(arbitrary, async ({ channels, rate, bits, frames, before, after }) => {
        const others = (list: [string, Uint8Array][]) => list.map(([id, content]) => chunk(id, Buffer.from(content)));
        const audio = chunk("data", Buffer.alloc(frames * channels * Math.ceil(bits / 8), 200));
        const bytes = riff([...others(before), format({ channels, rate, bits }), audio, ...others(after)]);
        expect(await seconds(bytes)).toBeCloseTo(frames / rate, 9);
      }),
    );
  });

  it("neither fails nor reads much, whatever the bytes say", () => {
    const good = riff([chunk("LIST", Buffer.alloc(20)), format(), chunk("data", Buffer.alloc(64, 9))]);
    const damaged = fc.tuple(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }), fc.nat(200));
    return fc.assert(
      fc.asyncProperty(damaged, async ([changes, length]) => {
        const bytes = Buffer.from(good.subarray(0, length));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const file = new Bytes(bytes);
        const told = await wavSeconds(file, bytes.length);
        expect(told === undefined || (Number.isFinite(told) && told >= 0)).toBe(true);
        expect(file.reads).toBeLessThan(250);
      }),
      { numRuns: 500 },
    );
  });

  it("gives a file up that is nothing but chunks", async () => {
    const file = new Bytes(riff(Array.from({ length: 5000 }, () => chunk("junk", Buffer.alloc(0)))));
    expect(await wavSeconds(file, file.bytes.length)).toBeUndefined();
    expect(file.reads).toBeLessThan(110);
  });
});
