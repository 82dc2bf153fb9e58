import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import type { TaskWriter } from "../../../src/store/task-writer.ts";
import type { Task } from "../../../src/task/task.ts";
import { linkTo } from "../../helpers/doubles.ts";
import { record, taskOf } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { useMirror } from "../redis/setup.ts";
import { readWithPython } from "./python-eyes.ts";
import { useWriter, WriterPlace } from "./setup.ts";

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

describe("a task that is made again with an older time", () => {
  it("goes into the mirror, after a removal of our own", async () => {
    await writer.upsert(timed("t1", 2000));
    await writer.remove(id("t1"));
    expect(await writer.upsert(timed("t1", 1000))).toEqual({ file: "written", mirror: "written" });
    expect(await timeOf("t1")).toMatchObject({ score: 1000 });
  });

  it.each(["another program removed it", "another program removed it, and the mirror was flushed"])(
    "goes into the mirror, after %s",
    async (what) => {
      const other = open();
      await writer.upsert(timed("t1", 2000));
      await other.remove(id("t1"));
      if (what.includes("flushed")) await redis.server.call("FLUSHALL");
      expect(await writer.upsert(timed("t1", 1000))).toEqual({ file: "written", mirror: "written" });
      expect(await timeOf("t1")).toMatchObject({ score: 1000 });
    },
  );
});

describe("changes of one task that wait together", () => {
  const asGone = (outcome: string) => (outcome === "missing" ? "removed" : outcome);
  const foreign = (taskId: string, updatedAt: number) => writeToMirror(redis.mirror, [timed(taskId, updatedAt)]);

  it.each([1000, 2000])(
    "put the record of an older or the same time in place of the copy that was removed (%i)",
    async (at) => {
      await writer.upsert(timed("t1", 2000));
      const asked = [writer.remove(id("t1")), writer.upsert(timed("t1", at, { status: "queued" }))];
      expect(await Promise.all(asked)).toEqual([
        { file: "removed", mirror: "removed" },
        { file: "written", mirror: "written" },
      ]);
      expect(await timeOf("t1")).toMatchObject({ score: at, status: "queued" });
    },
  );

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

  it("leave both stores alike, whatever comes in which batches, and say so", async () => {
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
          const told = await Promise.all(asked);
          expect(told.map(({ mirror }) => asGone(mirror as string))).toEqual(told.map(({ file }) => asGone(file)));
        }
        const held = readWithPython(place.path);
        const copies = (await redis.mirror.read([id("t1"), id("t2")])) as (Task | undefined)[];
        expect(copies.map((copy) => copy && JSON.parse(copy.json))).toEqual([held["alice:t1"], held["alice:t2"]]);
        await place.close();
      }),
      { numRuns: 30 },
    );
  });
});
