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
