import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { audioLength } from "../../src/artifacts/audio-length.ts";
import { times } from "../faults/helpers/chance.ts";
import "../helpers/python.ts";

/** A file in memory that counts what is read of it. */
class Bytes {
  readonly bytes: Buffer;
  reads = 0;
  bytesRead = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  readonly readAt = (buffer: Uint8Array, offset: number, length: number, position: number) => {
    this.reads++;
    const bytesRead = this.bytes.copy(buffer, offset, position, position + length);
    this.bytesRead += bytesRead;
    return bytesRead;
  };
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

/** @param size as its header has it */
function riff(chunks: Buffer[], { size }: { size?: number } = {}): Buffer {
  const body = Buffer.concat(chunks);
  const head = Buffer.alloc(12);
  head.write("RIFF");
  head.writeUInt32LE(size ?? body.length + 4, 4);
  head.write("WAVE", 8);
  return Buffer.concat([head, body]);
}

const TYPES = {
  ...{ wav: "audio/wav", mp3: "audio/mpeg", flac: "audio/flac" },
  ...{ ogg: "audio/ogg", opus: "audio/ogg", m4a: "audio/mp4" },
};
type Extension = keyof typeof TYPES;
const EXTENSIONS = Object.keys(TYPES) as Extension[];
const NO_DEADLINE = Number.POSITIVE_INFINITY;
const lengthOf = (bytes: Buffer, extension: Extension = "wav") =>
  audioLength(new Bytes(bytes).readAt, bytes.length, TYPES[extension], NO_DEADLINE);

const SAMPLES = new URL("audio/", import.meta.url);
const sample = (name: string) => readFileSync(new URL(name, SAMPLES));
const extensionOf = (name: string) => name.slice(name.lastIndexOf(".") + 1) as Extension;
const AUDIO = Buffer.alloc(16_000, 7);

describe("the length of audio", () => {
  it.each([
    ["constant.mp3", 0.648],
    ["variable.mp3", 0.576],
    ["speech.flac", 0.5],
    ["vorbis.ogg", 0.5],
    ["speech.opus", 0.5],
    ["speech.m4a", 0.564],
    ["fast.m4a", 0.564],
  ])("is read from %s", async (name, expected) => {
    expect(await lengthOf(sample(name), extensionOf(name))).toEqual({ seconds: expect.closeTo(expected, 2) });
  });

  it.each(["streamed.flac", "unsaid.mp3"])("is unknown for %s, which is intact", async (name) => {
    expect(await lengthOf(sample(name), extensionOf(name))).toEqual({});
  });

  it.each([
    ["vorbis.ogg", 0.2],
    ["vorbis.ogg", 0.95],
    ["speech.opus", 0.5],
    ["speech.m4a", 0.1],
    ["speech.m4a", 0.5],
    ["speech.m4a", 0.95],
    ["fast.m4a", 0.95],
    ["speech.flac", 0.01],
  ])("%s cut after %d of it is damaged", async (name, part) => {
    const bytes = sample(name);
    const cut = bytes.subarray(0, bytes.length * part);
    expect(await lengthOf(cut, extensionOf(name))).toMatchObject({ damaged: true });
  });

  it("of any bytes is a number or none, within few reads", () => {
    const names = readdirSync(SAMPLES).filter((name) => EXTENSIONS.includes(extensionOf(name)));
    const samples = new Map(names.map((name) => [name, sample(name)]));
    const change = fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)));
    const head = fc.tuple(fc.nat(200), fc.nat(255));
    const mutation = fc.record({
      name: fc.constantFrom(...names),
      as: fc.option(fc.constantFrom(...EXTENSIONS), { freq: 5 }),
      changes: fc.array(fc.oneof(change, head), { maxLength: 12 }),
      length: fc.option(fc.nat(), { freq: 3 }),
      repeat: fc.integer({ min: 1, max: 3 }),
    });
    return fc.assert(
      fc.asyncProperty(mutation, async ({ name, as, changes, length, repeat }) => {
        const bytes = Buffer.concat(Array.from({ length: repeat }, () => samples.get(name)!));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const file = new Bytes(bytes.subarray(0, length === null ? bytes.length : length % bytes.length));
        const found = await audioLength(file.readAt, file.bytes.length, TYPES[as ?? extensionOf(name)], NO_DEADLINE);
        expect(found.seconds ?? 0).toBeGreaterThanOrEqual(0);
        expect(found.seconds ?? 0).toBeLessThan(Number.POSITIVE_INFINITY);
        expect([undefined, true]).toContain(found.damaged);
        expect(file.reads).toBeLessThan(20);
      }),
      { numRuns: times(300, 30_000) },
    );
  });
});

describe("the length of a WAV file", () => {
  it.each([
    ["PCM", riff([format(), chunk("data", AUDIO)]), 1],
    ["two channels of 24 bits", riff([format({ channels: 2, bits: 24 }), chunk("data", Buffer.alloc(24_000))]), 0.5],
    ["floats", riff([format({ codec: 3, bits: 32 }), chunk("data", AUDIO)]), 0.5],
    ["WAVE_FORMAT_EXTENSIBLE", riff([format({ codec: 0xfffe, guid: 1 }), chunk("data", AUDIO)]), 1],
    ["another codec, by its rate", riff([format({ codec: 85, bits: 0, byteRate: 4000 }), chunk("data", AUDIO)]), 4],
    ["other chunks around it", riff([chunk("LIST", Buffer.alloc(8)), format(), chunk("data", AUDIO), AUDIO]), 1],
    ["no audio", riff([format(), chunk("data", Buffer.alloc(0))]), 0],
    ["a stream of size 0", riff([format(), chunk("data", AUDIO, 0)]), 1],
    ["a stream of silence of size 0", riff([format(), chunk("data", Buffer.alloc(16_000), 0)]), 1],
    ["a stream with the header of an empty file", riff([format(), chunk("data", AUDIO, 0)], { size: 36 }), 1],
    ["a stream of size 0xFFFFFFFF", riff([format(), chunk("data", AUDIO, 0xffffffff)], { size: 0xffffffff }), 1],
    ["a stream of size 0x7FFFF000", riff([format(), chunk("data", AUDIO, 0x7ffff000)], { size: 0x7ffff024 }), 1],
  ])("is read: %s", async (_, bytes, expected) => {
    expect(await lengthOf(bytes)).toEqual({ seconds: expected });
  });

  it("is exact for every format, with other chunks before and after", () => {
    const other = fc.tuple(fc.constantFrom("junk", "PEAK", "cue ", "smpl"), fc.uint8Array({ maxLength: 9 }));
    const arbitrary = fc.record({
      channels: fc.integer({ min: 1, max: 8 }),
      rate: fc.integer({ min: 1, max: 192_000 }),
      bits: fc.constantFrom(8, 12, 16, 24, 32),
      frames: fc.integer({ min: 1, max: 50 }),
      before: fc.array(other, { maxLength: 3 }),
      after: fc.array(other, { maxLength: 3 }),
    });
    return fc.assert(
      fc.asyncProperty(arbitrary, async ({ channels, rate, bits, frames, before, after }) => {
        const others = (list: [string, Uint8Array][]) => list.map(([id, content]) => chunk(id, Buffer.from(content)));
        const audio = chunk("data", Buffer.alloc(frames * channels * Math.ceil(bits / 8), 200));
        const bytes = riff([...others(before), format({ channels, rate, bits }), audio, ...others(after)]);
        expect(await lengthOf(bytes)).toEqual({ seconds: expect.closeTo(frames / rate, 9) });
      }),
    );
  });
});
