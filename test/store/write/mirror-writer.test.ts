import { beforeEach, describe, expect, it } from "vitest";
import type { TaskWriter } from "../../../src/store/task-writer.ts";
import { linkTo } from "../../helpers/doubles.ts";
import { record, taskOf } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { useMirror } from "../redis/setup.ts";
import { useWriter } from "./setup.ts";

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
