import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { TtsctlError } from "../../src/errors.ts";
import { NO_PUTS } from "../../src/store/file/changes.ts";
import { FileStore } from "../../src/store/file/file-store.ts";
import { Snapshot } from "../../src/store/file/snapshot.ts";
import { writable } from "../../src/store/writable.ts";
import { namesIn, useFolder, writeOld } from "../helpers/files.ts";
import { RULES, record } from "../helpers/records.ts";
import { SEED } from "../helpers/seed.ts";
import { Chance, times } from "./helpers/chance.ts";
import { triedBadInput } from "./helpers/tally.ts";

const path = useFolder();

const RECORDS = [
  record("a", "t1", { text: '你好 {[:,\\"\n', top_p: 1.5, o: { list: [], e: {}, x: [1, { y: null }] } }),
  record("b", "t2", { updated_at: 1_700_000_000.5 }),
  record("a", "t1", { updated_at: "2021-01-01T00:00:00" }),
  record("c", "t3"),
];
const BASES = [
  JSON.stringify(RECORDS),
  JSON.stringify(RECORDS, null, 2),
  JSON.stringify(Object.fromEntries(RECORDS.map((one, i) => [`k${i}`, one])), null, 2),
];
const PIECES = [...'"\\{}[],:-\n\0\ufeffé', "null", "NaN", "1e999", "\\ud800", "/*"];

/** A store file with one to three things wrong with it, or none. */
function mutated(chance: Chance): Buffer {
  let bytes = Buffer.from(chance.of(BASES));
  for (let left = 1 + chance.below(3); left > 0; left--) {
    const at = chance.below(bytes.length + 1);
    const end = Math.min(bytes.length, at + chance.below(chance.of([2, 12, 400])));
    const [head, middle, tail] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
    const put = chance.of([
      Buffer.alloc(0),
      Buffer.from(chance.of(PIECES)),
      Buffer.concat([middle, middle]),
      Buffer.of(chance.below(256)),
    ]);
    bytes = Buffer.concat([head, put, tail]);
  }
  return bytes;
}

/** The elements according to JSON.parse; undefined if it refuses the bytes, or they aren't a store file. */
function judged(bytes: Buffer): unknown[] | undefined {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)) as unknown;
    return typeof value === "object" && value !== null ? Object.values(value) : undefined;
  } catch {
    return undefined;
  }
}

const isOfTask = (value: unknown): boolean => {
  const { user_id, task_id } = (value ?? {}) as Record<string, unknown>;
  return user_id === "a" && task_id === "t1";
};

it("row F, fuzzed store files, wrong in a place chosen at random, are refused if JSON is broken; if not, a removal affects only that task", async () => {
  const chance = new Chance("store");
  const store = writable(new FileStore(path("s.json"), RULES, { ...systemClock, now: () => systemClock.now() + 3600 }));
  const files = times(500, 60_000);
  let accepted = 0;
  for (let i = 0; i < files; i++) {
    const bytes = mutated(chance);
    const label = `TTSCTL_SEED=${SEED}, file ${i}: ${JSON.stringify(bytes.toString())}`;
    const values = judged(bytes);
    writeOld(path("s.json"), bytes);
    const read = await Snapshot.read(path("s.json"), RULES).catch((error: unknown) => error);
    if (!(read instanceof Snapshot)) {
      expect(read, label).toBeInstanceOf(TtsctlError);
      expect(values, `${label}: ${read}`).toBeUndefined();
      continue;
    }
    await read.close();
    expect(values, label).toBeDefined();
    accepted++;
    // A rewrite takes its time; of a name that comes twice, JSON.parse doesn't show the first.
    const names = bytes.toString().match(/"k\d"/g) ?? [];
    if (accepted % times(10, 40) !== 0 || new Set(names).size < names.length) continue;
    await store.apply((current) => {
      const key = current.keyOf({ userId: "a", taskId: "t1" });
      return { removed: new Set(key < 0 ? [] : [key]), puts: NO_PUTS };
    });
    const left = Object.values(JSON.parse(readFileSync(path("s.json"), "utf8")) as object);
    expect(left, label).toEqual(values!.filter((value) => !isOfTask(value)));
    expect(namesIn(path()), label).toEqual(["s.json"]);
  }
  triedBadInput(files);
  expect(accepted).toBeGreaterThan(files / 20);
  expect(accepted).toBeLessThan(files * 0.9);
});
