import { beforeEach, describe, expect, it } from "vitest";
import type { RedisCopy } from "../../../src/store/layout/copy.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import { record, taskOf } from "../../helpers/records.ts";
import { KINDS, useMirror } from "./setup.ts";

const ID = { userId: "alice", taskId: "t1" };
const KEY = "tts:task:alice:t1";
const INDEX = "tts:tasks:index";
const USER_INDEX = "tts:user:alice:index";

describe.each(KINDS)("on %s", (kind) => {
  const here = useMirror(kind);
  const copyNow = async () => (await here.mirror.copies([ID], "state"))[0] as RedisCopy;
  const remove = (copy: RedisCopy) => here.mirror.remove([{ id: ID, copy }]);

  describe("a conditional removal of a task", () => {
    beforeEach(async () => {
      await writeToMirror(here.mirror, [taskOf(record("alice", "t1"))]);
    });

    it.each([
      { what: "its status was removed", change: [["HDEL", KEY, "status"]] },
      { what: "its time was removed", change: [["HDEL", KEY, "updated_at"]] },
      { what: "its hash went", change: [["DEL", KEY]] },
      {
        what: "its hash went and came back with nothing but progress",
        change: [
          ["DEL", KEY],
          ["HSET", KEY, "progress", "1"],
        ],
      },
    ])("is refused where $what, and nothing goes", async ({ change }) => {
      const before = await copyNow();
      for (const command of change) await here.server.call(...command);
      const dump = await here.server.dump();
      expect(await remove(before)).toEqual([false]);
      expect(await here.server.dump()).toEqual(dump);
    });
  });

  it("a read separates the copies of a batch, with a hash or without", async () => {
    const ids = ["t0", "t1", "t2", "t3", "t4", "t5"].map((taskId) => ({ userId: "alice", taskId }));
    await writeToMirror(here.mirror, [taskOf(record("alice", "t0")), taskOf(record("alice", "t4"))]);
    await here.server.call("ZADD", INDEX, 5, "alice:t1");
    await here.server.call("SET", "tts:task:alice:t2", "a string");
    await here.server.call("ZADD", USER_INDEX, 7, "t3");
    await here.server.call("HDEL", "tts:task:alice:t4", "status");
    const none = { type: "none", fields: { status: null, updated_at: null }, indexScore: null, userScore: null };
    const { updated_at } = record("alice", "t0");
    expect(await here.mirror.copies(ids, "state")).toMatchObject([
      { type: "hash", fields: { status: "succeeded", updated_at } },
      { ...none, indexScore: "5" },
      { code: "REDIS_FAILED" },
      { ...none, userScore: "7" },
      { type: "hash", fields: { status: null, updated_at } },
      none,
    ]);
  });

  describe("keys of the wrong type", () => {
    it("are named, and the rest of the batch is removed", async () => {
      const ids = ["t0", "t1", "t2"].map((taskId) => ({ userId: "alice", taskId }));
      await writeToMirror(
        here.mirror,
        ids.map(({ taskId }) => taskOf(record("alice", taskId))),
      );
      const copies = (await here.mirror.copies(ids, "state")) as RedisCopy[];
      await here.server.call("DEL", KEY);
      await here.server.call("SET", KEY, "a string");
      const outcomes = await here.mirror.remove(ids.map((id, i) => ({ id, copy: copies[i]! })));
      expect(outcomes).toEqual([true, expect.objectContaining({ code: "REDIS_FAILED" }), true]);
      expect(await here.server.call("GET", KEY)).toBe("a string");
      expect((await here.mirror.copies(ids, "state"))[1]).toMatchObject({ code: "REDIS_FAILED" });
      expect((await here.mirror.copies(ids, "scores"))[1]).toMatchObject({ code: "REDIS_FAILED" });
      expect((await here.mirror.read(ids))[1]).toMatchObject({ code: "REDIS_FAILED" });
      expect((await here.mirror.statuses(ids))[1]).toMatchObject({ code: "REDIS_FAILED" });
    });
  });
});
