import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { TtsctlError } from "../../../src/errors.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { mirrorWriter } from "../../../src/store/mirror-writer.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import type { TaskWriter } from "../../../src/store/task-writer.ts";
import type { Task } from "../../../src/task/task.ts";
import { FlakyMirror, linkTo } from "../../helpers/doubles.ts";
import { RULES, record, taskOf } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { useMirror } from "../redis/setup.ts";
import { readWithPython } from "./python-eyes.ts";
import { textOf, useWriter, WriterPlace } from "./setup.ts";

const redis = useMirror();
const here = useWriter("tasks.jsonl");
const id = (taskId: string) => ({ userId: "alice", taskId });
const timed = (taskId: string, updatedAt: number, more: RecordJson = {}) =>
  taskOf(record("alice", taskId, { updated_at: updatedAt, ...more }));
const timeOf = async (taskId: string) => (await redis.mirror.read([id(taskId)]))[0];

let writer: TaskWriter;
const open = () => here().open(linkTo(redis.mirror));
beforeEach(() => {
  writer = open();
});

it("a sync that failed for some tasks is needed again", async () => {
  here().mirror.leaveToSync();
  for (const failed of [1, 0]) {
    await here().mirror.aroundSync(async () => ({ failed }));
    expect(here().mirror.needsSync).toBe(failed > 0);
  }
});

it.each(["another program removed it", "another program removed it, and the mirror was flushed"])(
  "a task that is created again with an older time goes into the mirror, after %s",
  async (what) => {
    const other = open();
    await writer.upsert(timed("t1", 2000));
    await other.remove(id("t1"));
    if (what.includes("flushed")) await redis.server.call("FLUSHALL");
    expect(await writer.upsert(timed("t1", 1000))).toMatchObject({ file: "written", mirror: "written" });
    expect(await timeOf("t1")).toMatchObject({ score: 1000 });
  },
);

describe("changes of one task that wait together", () => {
  const asGone = (outcome: string) => (outcome === "missing" ? "removed" : outcome);
  const foreign = (taskId: string, updatedAt: number) => writeToMirror(redis.mirror, [timed(taskId, updatedAt)]);

  it("leave a newer copy of another program, and say so of each", async () => {
    await writer.upsert(timed("t1", 1000));
    await foreign("t1", 3000);
    const change = [writer.remove(id("t1")), writer.upsert(timed("t1", 2000)), writer.remove(id("t1"))];
    expect((await Promise.all(change)).map(({ mirror }) => mirror)).toEqual(["newer", "newer", "newer"]);
    await writer.upsert(timed("t1", 1000));
    const twice = [writer.remove(id("t1")), writer.remove(id("t1"))];
    expect((await Promise.all(twice)).map(({ mirror }) => mirror)).toEqual(["newer", "newer"]);
    expect(await timeOf("t1")).toMatchObject({ score: 3000 });
  });

  it("leave both stores equal, whatever the changes and batches, and report it", async () => {
    const change = fc.record({
      taskId: fc.constantFrom("t1", "t2"),
      time: fc.integer({ min: 0, max: 3 }),
      text: fc.constantFrom("a", "b"),
      remove: fc.boolean(),
    });
    let count = 0;
    const script = fc.array(fc.array(change, { minLength: 1, maxLength: 6 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(script, async (batches) => {
        await redis.server.call("FLUSHALL");
        const place = new WriterPlace(`${here().path.replace(".jsonl", "")}.${count++}.jsonl`);
        const one = place.open(linkTo(redis.mirror));
        await one.upsert(timed("t1", 1));
        for (const batch of batches) {
          const asked = batch.map(({ taskId, time, text, remove }) =>
            remove ? one.remove(id(taskId)) : one.upsert(timed(taskId, time, { text })),
          );
          const results = await Promise.all(asked);
          expect(results.map(({ mirror }) => asGone(mirror as string))).toEqual(
            results.map(({ file }) => (file === "newer" ? "skipped" : asGone(file))),
          );
        }
        const held = readWithPython(place.path);
        const copies = (await redis.mirror.read([id("t1"), id("t2")])) as (Task | undefined)[];
        expect(copies.map((copy) => copy && JSON.parse(copy.json))).toEqual([held["alice:t1"], held["alice:t2"]]);
        await place.close();
      }),
      { numRuns: 12 },
    );
  });
});

describe("a change that a sync can't make up for", () => {
  const down = { kind: "down", error: new TtsctlError("REDIS_UNAVAILABLE", "away") } as const;
  let isDown: boolean;
  beforeEach(() => {
    isDown = false;
    const open = async () => (isDown ? down : ({ kind: "on", mirror: redis.mirror } as const));
    writer = here().open({ open, close: async () => {} });
  });

  it("is a removal, which is made when the mirror is back, and a record of the same time", async () => {
    await Promise.all([writer.upsert(timed("t1", 1000)), writer.upsert(timed("t2", 1000))]);
    isDown = true;
    expect(await writer.remove(id("t1"))).toMatchObject({ file: "removed", mirror: down.error });
    await writer.upsert(timed("t2", 1000, { status: "failed" }));
    await here().mirror.catchUp();
    isDown = false;
    await here().mirror.catchUp();
    expect([await timeOf("t1"), await timeOf("t2")]).toMatchObject([undefined, { status: "failed" }]);
  });

  it("keeps a copy that is newer than the deleted record", async () => {
    await writer.upsert(timed("t1", 1000));
    isDown = true;
    await writer.remove(id("t1"));
    isDown = false;
    await writeToMirror(redis.mirror, [timed("t1", 3000)]);
    await here().mirror.catchUp();
    expect(await timeOf("t1")).toMatchObject({ score: 3000 });
  });

  it("is an undone change: the program wrote an older read", async () => {
    await Promise.all(["t1", "t2", "t3"].map((taskId) => writer.upsert(timed(taskId, 2000))));
    await here().mirror.aroundSync(async () => {
      await writer.remove(id("t1"));
      await writer.remove(id("t2"));
      await writer.upsert(timed("t2", 1000));
      await writer.remove(id("t3"));
      await writer.upsert(timed("t3", 3000));
      await writeToMirror(redis.mirror, [timed("t1", 2000), timed("t2", 2000), timed("t3", 2000)]);
      return { failed: 0 };
    });
    const copies = await Promise.all(["t1", "t2", "t3"].map(timeOf));
    expect(copies).toMatchObject([undefined, { score: 1000 }, { score: 3000 }]);
  });
});

describe("a task that another program changes in both stores before our copy is written to the mirror", () => {
  const ours = () => record("alice", "t1", { status: "running", updated_at: 2_000_000_000.5 });
  const done = () => ({ ...ours(), status: "succeeded" });
  const ways = [
    { what: "deletes", theirs: null },
    { what: "changes, within the same second", theirs: done() },
    { what: "changes, with the whole second of ours", theirs: { ...done(), updated_at: 2_000_000_000 } },
  ];
  it.each(ways)("is as the program left it that $what it", async ({ theirs }) => {
    const flaky = new FlakyMirror(redis.mirror);
    let due = false;
    flaky.onCall(async (method) => {
      if (method !== "upsert" || !due) return;
      due = false;
      here().text = theirs === null ? textOf("jsonl", [record("alice", "t2")]) : textOf("jsonl", [theirs]);
      await redis.server.call("FLUSHALL");
      if (theirs !== null) await writeToMirror(redis.mirror, [taskOf(theirs)]);
    });
    const own = here().open(linkTo(flaky.mirror));
    await own.upsert(taskOf({ ...ours(), status: "queued" }));
    due = true;
    await own.upsert(taskOf(ours()));
    await own.close();
    expect(await timeOf("t1")).toEqual(theirs === null ? undefined : expect.objectContaining({ status: "succeeded" }));
    expect(readWithPython(here().path)["alice:t1"]).toEqual(theirs ?? undefined);
  });
});

it("a copy that another program writes within the same second, just before our removal, is in the mirror", async () => {
  const running = record("alice", "t1", { status: "running", updated_at: 2_000_000_000 });
  const theirs = { ...running, status: "succeeded" };
  const flaky = new FlakyMirror(redis.mirror);
  const own = here().open(linkTo(flaky.mirror));
  await own.upsert(taskOf(running));
  flaky.onCall(async (method) => {
    if (method !== "copies") return;
    here().text = textOf("jsonl", [theirs]);
    await writeToMirror(redis.mirror, [taskOf(theirs)], { overEqual: true });
    flaky.onCall(() => {});
  });
  await own.remove(id("t1"));
  await own.close();
  expect(await timeOf("t1")).toMatchObject({ status: "succeeded" });
});

it("more than 10,000 changes that Redis missed are left to one sync, until which Redis is not read", async () => {
  const down = new FlakyMirror(redis.mirror);
  down.goDown();
  const { clock, path } = here();
  const file = new FileStore(path, RULES, clock);
  const mirror = mirrorWriter({ file, open: linkTo(down.mirror).open, warn: () => {} });
  const missed = (i: number) => ({ id: id(`t${i}`), before: Number.NaN, task: timed(`t${i}`, 1000) });
  await mirror.work(Array.from({ length: 10_000 }, (_, i) => missed(i)));
  expect([mirror.pending, mirror.needsSync]).toEqual([10_000, false]);
  await mirror.work([missed(10_000)]);
  expect([mirror.pending, mirror.needsSync, mirror.problem]).toEqual([0, true, expect.stringContaining("sync")]);
});
