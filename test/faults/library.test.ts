import { copyFileSync, readFileSync, truncateSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { FileStore } from "../../src/store/file/file-store.ts";
import { useFolder, writeOld } from "../helpers/files.ts";
import { RULES, record, taskOf } from "../helpers/records.ts";
import { SEED } from "../helpers/seed.ts";
import { readWithPython } from "../store/write/python-eyes.ts";
import { SHAPES, textOf, WriterPlace } from "../store/write/setup.ts";
import { Chance, LONG, times } from "./helpers/chance.ts";
import { type ProgramOptions, runInProcess, runProgram, type Said, wrongIn } from "./helpers/program.ts";
import { triedFault } from "./helpers/tally.ts";

const path = useFolder();
afterEach(() => vi.restoreAllMocks());
const SEEDS = [1, 2, 3].map((n) => record("bob", `seed${n}`));

/** The tasks that a reader finds, an unfinished append at the end aside. */
async function held(store: string) {
  await using snapshot = await new FileStore(store, RULES, systemClock).read();
  const tasks = await snapshot.readTasks([...snapshot.liveRows()]);
  return Object.fromEntries(tasks.map(({ userId, taskId, json }) => [`${userId}:${taskId}`, JSON.parse(json)]));
}

async function expectRight(
  store: string,
  said: Said,
  program: Pick<ProgramOptions, "tasks" | "prefix">,
  label: string,
) {
  const found = await held(store);
  const wrong = wrongIn(found, said, program);
  const seedsLost = SEEDS.filter(({ task_id }) => found[`bob:${task_id}`] === undefined).length;
  triedFault(1, wrong.length + seedsLost);
  expect(wrong, label).toEqual([]);
  expect(seedsLost, label).toBe(0);
}

describe.each(SHAPES)("row A, kill -9 of a program that writes with the library, %s", (shape) => {
  it("at each of its changes: resolved writes are there, nothing is invented, and the next run continues", async () => {
    const program = { store: path("voice_task.json"), count: times(14, 40), tasks: 6, width: 4 };
    for (let at = 0; ; at++) {
      writeOld(program.store, textOf(shape, SEEDS));
      const { said, steps, hasCrashed } = await runInProcess(program, { at, act: "crash", on: "changes" });
      const label = `killed at step ${at}, ${steps.at(-1)}`;
      await expectRight(program.store, said, program, label);
      if (!hasCrashed) return expect(at).toBeGreaterThan(10);
      const again = await runInProcess(program, { at: -1, act: "crash", on: "changes" });
      expect(again.said.failed.size, label).toBe(0);
      await expectRight(program.store, again.said, program, label);
    }
  });
});

describe.each(SHAPES)("row A, kill -9 of a program under load, %s", (shape) => {
  it("does not count as another process's write: the next program doesn't watch its changes", async () => {
    const store = path("voice_task.json");
    writeOld(store, textOf(shape, SEEDS));
    const chance = new Chance(`load ${shape}`);
    const watching = vi.spyOn(FileStore.prototype, "identity");
    for (let round = 0; round < times(2, 60); round++) {
      const program = { prefix: `r${round}n`, tasks: 50 };
      const said = await runProgram({ store, ...program, count: 1e9, width: 8, killAfter: chance.below(150) });
      const place = new WriterPlace(store);
      watching.mockClear();
      await place.writer.upsert(taskOf(record("bob", "seed1")));
      const label = `TTSCTL_SEED=${SEED}, round ${round}`;
      expect(watching.mock.calls.length, label).toBe(0);
      await place.close();
      await expectRight(store, said, program, label);
    }
  });
});

it("row A, an append that was cut at any byte: whole lines count, the rest is named, and the next append removes the unfinished line", async () => {
  const whole = new WriterPlace(path("voice_task.json"));
  whole.fill(textOf("jsonl", SEEDS));
  const before = Buffer.byteLength(whole.text);
  const records = [record("alice", "p1", { n: 1 }), record("alice", "p2", { n: 2, text: "é\u{1f642}" })];
  await Promise.all(records.map((one) => whole.writer.upsert(taskOf(one))));
  await whole.close();
  const bytes = readFileSync(whole.path);
  const ends = [1, 2].map((count) => endOfLine(bytes, before, count));
  for (let cut = before; cut <= bytes.length; cut++) {
    if (!LONG && cut % 9 !== 0 && ends.every((end) => Math.abs(cut - end) > 2)) continue;
    const store = path("cut.json");
    copyFileSync(whole.path, store);
    truncateSync(store, cut);
    utimesSync(store, 1_600_000_000, 1_600_000_000); // or its writer would be given a second to go on
    const names = Object.keys(await held(store)).filter((name) => name.startsWith("alice"));
    // A last line that is whole but for its newline counts as well.
    expect(names, `cut at ${cut}`).toEqual(["alice:p1", "alice:p2"].filter((_, i) => cut >= ends[i]! - 1));
    triedFault();
    if (cut % times(40, 7) !== 0) continue;
    const place = new WriterPlace(store);
    await place.writer.upsert(taskOf(record("alice", "p3", { n: 3 })));
    await place.close();
    expect(Object.keys(readWithPython(store)), `cut at ${cut}`).toEqual([
      ...SEEDS.map(({ task_id }) => `bob:${task_id}`),
      ...names,
      "alice:p3",
    ]);
  }
});

/** After the newline of the so-manieth line from a byte on. */
function endOfLine(bytes: Buffer, from: number, count: number): number {
  let at = from;
  for (let line = 0; line < count; line++) at = bytes.indexOf(0x0a, at) + 1;
  return at;
}

it.each(SHAPES)("two programs that write one file, %s, lose nothing of each other", async (shape) => {
  const store = path("voice_task.json");
  writeOld(store, textOf(shape, SEEDS));
  const programs = ["a", "b"].map((prefix) => ({ store, prefix, count: times(60, 600), tasks: 10, width: 16 }));
  const said = await Promise.all(programs.map(runProgram));
  for (const [i, one] of said.entries()) {
    expect([one.code, one.failed.size, one.stderr]).toEqual([0, 0, ""]);
    await expectRight(store, one, programs[i]!, `program ${i}`);
  }
});

it.each(SHAPES)("row B, a full disk is reported; the file, %s, is kept, and accepts more later", async (shape) => {
  const store = path("voice_task.json");
  writeOld(store, textOf(shape, SEEDS));
  const program = { store, count: 60, tasks: 60, width: 4 };
  const full = await runProgram({ ...program, fileSize: 4096 });
  expect(full.code, full.stderr).toBe(0);
  expect(full.failed.size).toBeGreaterThan(0);
  expect(new Set(full.failed.values())).toEqual(new Set(["STORE_WRITE_FAILED"]));
  await expectRight(store, full, program, "full");
  const more = await runProgram(program);
  expect(more.failed.size).toBe(0);
  await expectRight(store, more, program, "afterwards");
  expect(readWithPython(join(store))).toMatchObject({ "bob:seed1": SEEDS[0] });
});
