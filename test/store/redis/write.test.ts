import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_COPY, type RedisCopy } from "../../../src/store/layout/copy.ts";
import { PLAIN } from "../../../src/store/layout/layout.ts";
import { decideWrite, writeToMirror } from "../../../src/store/redis/write.ts";
import { RecordParser } from "../../../src/task/task.ts";
import { FlakyMirror } from "../../helpers/doubles.ts";
import { RULES, record, taskOf } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { KINDS, useMirror } from "./setup.ts";

const KEY = "tts:task:alice:t1";
const INDEX = "tts:tasks:index";
const USER_INDEX = "tts:user:alice:index";
const AT = "2024-01-01T00:00:00.5";
const SCORE = 1_704_067_200.5;

describe("decideWrite", () => {
  const reading = { layout: PLAIN, parser: new RecordParser(RULES) };
  const copyOf = (
    updated_at: string | null,
    indexScore: string | null = `${SCORE}`,
    userScore: string | null = `${SCORE}`,
  ): RedisCopy => ({
    ...NO_COPY,
    type: updated_at === null ? "none" : "hash",
    fields: { updated_at },
    indexScore,
    userScore,
  });
  const partial = (updated_at: string) => ({ ...copyOf(null), fields: { payload: JSON.stringify({ updated_at }) } });

  it.each([
    { what: "nothing there", copy: copyOf(null, null, null), decision: "written" },
    { what: "members without a hash don't count as a copy", copy: copyOf(null), decision: "written" },
    { what: "an older copy", copy: copyOf("2024-01-01T00:00:00.499999"), decision: "written" },
    { what: "a newer copy", copy: copyOf("2024-01-01T00:00:00.500001"), decision: "newer" },
    { what: "the same time", copy: copyOf(AT), decision: "unchanged" },
    {
      what: "the same instant in another form",
      copy: copyOf("2024-01-01T08:00:00.500000+08:00"),
      decision: "unchanged",
    },
    { what: "a wrong score", copy: copyOf(AT, "0"), decision: "reindexed" },
    { what: "no member of the user", copy: copyOf(AT, `${SCORE}`, null), decision: "reindexed" },
    { what: "a lookup of another user", copy: { ...copyOf(AT), lookup: "wrong" as const }, decision: "reindexed" },
    { what: "a time that cannot be read", copy: copyOf("yesterday"), decision: "written" },
    { what: "the same time of a payload alone", copy: partial(AT), decision: "written" },
    { what: "a newer time of a payload alone", copy: partial("2024-01-01T00:00:01"), decision: "newer" },
    { what: "the same time with overEqual", copy: copyOf(AT), overEqual: true, decision: "written" },
    { what: "a newer copy with overEqual", copy: copyOf("2024-01-01T00:00:01"), overEqual: true, decision: "newer" },
  ])("$what: $decision", ({ copy, overEqual, decision }) => {
    expect(decideWrite(SCORE, copy, reading, overEqual)).toBe(decision);
  });
});

describe.each(KINDS)("on %s", (kind) => {
  const here = useMirror(kind);

  const write = (json: RecordJson, options = {}) => writeToMirror(here.mirror, [taskOf(json)], options);
  const task = (more: RecordJson = {}) => record("alice", "t1", { updated_at: AT, ...more });
  const scores = async () => [
    await here.server.call("ZSCORE", INDEX, "alice:t1"),
    await here.server.call("ZSCORE", USER_INDEX, "t1"),
  ];

  describe("writeToMirror", () => {
    it("writes hash and both indexes with the exact score", async () => {
      expect(await write(task({ error: "坏", status: "failed" }))).toEqual(["written"]);
      expect(await here.server.hash(KEY)).toEqual({
        ...{ user_id: "alice", task_id: "t1", status: "failed", error: "坏", created_at: "2020-01-01T08:00:00.000001" },
        ...{ updated_at: AT, payload: JSON.stringify(task({ error: "坏", status: "failed" })) },
      });
      expect(await here.server.zset(INDEX)).toEqual([["alice:t1", "1704067200.5"]]);
      expect(await here.server.zset(USER_INDEX)).toEqual([["t1", "1704067200.5"]]);
      expect((await here.server.call("KEYS", "*")) as string[]).toHaveLength(3);
    });

    it.each([
      'quote " and back\\slash / \\u0041',
      "\u0000 \u001b[31m\u007f\u0080\u202e\ud83d\ude42 </script>",
      "lone \ud800 surrogate",
      "1.0",
      "[]",
      "x".repeat(1 << 20),
    ])("writes a text as it is (%#)", async (error) => {
      const [json, id] = [record("alice", "t1", { updated_at: AT, error }), 'a"\\é🙂'];
      const tasks = [json, record(id, id, { updated_at: AT, status: error })].map(taskOf);
      expect(await writeToMirror(here.mirror, tasks)).toEqual(["written", "written"]);
      expect((await here.server.hash(KEY)).error).toBe(error.toWellFormed());
      expect((await here.server.hash(KEY)).payload).toBe(JSON.stringify(json));
      expect(await here.server.hash(`tts:task:${id}:${id}`)).toMatchObject({
        ...{ user_id: id, task_id: id, status: error.toWellFormed() },
      });
      expect((await here.server.zset(INDEX)).map(([member]) => member).sort()).toEqual([`${id}:${id}`, "alice:t1"]);
    });

    it("writes new tasks beside one that Redis has", async () => {
      await write(task({ updated_at: "2024-01-01T00:00:01" }));
      const tasks = ["t0", "t1", "t2"].map((id) => taskOf(record("alice", id, { updated_at: AT })));
      const outcomes = writeToMirror(here.mirror, tasks, { copies: tasks.map(() => NO_COPY) });
      expect(await outcomes).toEqual(["written", "newer", "written"]);
      expect((await here.server.hash(KEY)).updated_at).toBe("2024-01-01T00:00:01");
    });

    it("writes null as an empty error", async () => {
      await write(task());
      expect((await here.server.hash(KEY)).error).toBe("");
    });

    it("lets the newer win, in either order", async () => {
      expect(await write(task())).toEqual(["written"]);
      expect(await write(task({ updated_at: "2024-01-01T00:00:00.500001", status: "queued" }))).toEqual(["written"]);
      expect(await write(task())).toEqual(["newer"]);
      expect((await here.server.hash(KEY)).status).toBe("queued");
      expect((await scores()).map(Number)).toEqual([1_704_067_200.500001, 1_704_067_200.500001]);
    });

    it("keeps an equal copy, whatever its content", async () => {
      await write(task({ text: "first" }));
      expect(await write(task({ text: "second" }))).toEqual(["unchanged"]);
      expect((await here.server.hash(KEY)).payload).toContain("first");
      expect(await write(task({ text: "second" }), { overEqual: () => true })).toEqual(["written"]);
      expect((await here.server.hash(KEY)).payload).toContain("second");
    });

    it.each([
      { what: "a wrong score in the global index", break: ["ZADD", INDEX, 5, "alice:t1"] },
      { what: "a wrong score in the user's index", break: ["ZADD", USER_INDEX, 5, "t1"] },
      { what: "a missing member in the user's index", break: ["ZREM", USER_INDEX, "t1"] },
      { what: "a missing member in the global index", break: ["ZREM", INDEX, "alice:t1"] },
      { what: "both indexes missing", break: ["DEL", INDEX, USER_INDEX] },
    ])("fixes $what and leaves the hash", async ({ break: command }) => {
      await write(task({ text: "first" }));
      await here.server.call(...command);
      expect(await write(task({ text: "second" }))).toEqual(["reindexed"]);
      expect(await scores()).toEqual(["1704067200.5", "1704067200.5"]);
      expect((await here.server.hash(KEY)).payload).toContain("first");
      expect(await write(task({ text: "second" }))).toEqual(["unchanged"]);
    });

    it("does not let a newer hash that no index knows be overwritten", async () => {
      await write(task({ updated_at: "2025-01-01T00:00:00" }));
      await here.server.call("DEL", INDEX, USER_INDEX);
      expect(await write(task())).toEqual(["newer"]);
      expect((await here.server.hash(KEY)).updated_at).toBe("2025-01-01T00:00:00");
    });

    it("doesn't count a member without a hash as a copy, whatever its score", async () => {
      await here.server.call("ZADD", INDEX, 9_999_999_999, "alice:t1");
      expect(await write(task())).toEqual(["written"]);
      expect(await scores()).toEqual(["1704067200.5", "1704067200.5"]);
    });

    it("completes a hash that a late write left without a time", async () => {
      await here.server.call("HSET", KEY, "progress", "50");
      expect(await write(task())).toEqual(["written"]);
      expect(await here.server.hash(KEY)).toMatchObject({ user_id: "alice", updated_at: AT, progress: "50" });
    });

    it.each([
      { what: "a newer payload", time: "2024-01-01T00:00:00.500001", outcome: "newer" },
      { what: "a newer payload in epoch seconds", time: 1_704_067_201, outcome: "newer" },
      { what: "a payload of the same time", time: AT, outcome: "written" },
      { what: "an older payload", time: "2024-01-01T00:00:00", outcome: "written" },
      { what: "a payload without a time", time: null, outcome: "written" },
    ])("of a hash without a time, with $what: $outcome", async ({ time, outcome }) => {
      const payload = JSON.stringify(task({ updated_at: time, text: "theirs" }));
      for (const member of [false, true]) {
        await here.server.call("DEL", KEY);
        await here.server.call("HSET", KEY, "status", "succeeded", "payload", payload);
        if (member) await here.server.call("ZADD", INDEX, 5, "alice:t1");
        expect(await write(task({ text: "ours" }))).toEqual([outcome]);
        expect((await here.server.hash(KEY)).payload).toContain(outcome === "newer" ? "theirs" : "ours");
      }
    });

    it("of a hash without a time: looks again if its payload changed between look and write", async () => {
      const payload = (second: number) => JSON.stringify(task({ updated_at: `2024-01-01T00:00:0${second}` }));
      await here.server.call("HSET", KEY, "payload", payload(0));
      const flaky = new FlakyMirror(here.mirror);
      flaky.onCall(async (method) => {
        if (method === "upsert") await here.server.call("HSET", KEY, "payload", payload(9));
      });
      expect(await writeToMirror(flaky.mirror, [taskOf(task())])).toEqual(["newer"]);
    });

    it("names the task whose key has the wrong type, and the rest continues", async () => {
      await here.server.call("SET", KEY, "a string");
      const outcomes = await writeToMirror(
        here.mirror,
        ["t0", "t1", "t2"].map((id) => taskOf(record("alice", id))),
      );
      expect(outcomes).toEqual(["written", expect.objectContaining({ code: "REDIS_FAILED" }), "written"]);
      expect(String(outcomes[1])).toContain("WRONGTYPE");
      expect(await here.server.call("ZCARD", INDEX)).toBe(2);
      expect(await here.server.call("GET", KEY)).toBe("a string");
    });

    it("writes nothing of a task whose user's index has the wrong type", async () => {
      await here.server.call("SET", "tts:user:bob:index", "a string");
      const outcomes = await writeToMirror(here.mirror, [taskOf(record("bob", "t1")), taskOf(record("alice", "t1"))]);
      expect(outcomes).toEqual([expect.objectContaining({ code: "REDIS_FAILED" }), "written"]);
      expect(await here.server.call("EXISTS", "tts:task:bob:t1")).toBe(0);
      expect(await here.server.zset(INDEX)).toEqual([["alice:t1", expect.any(String)]]);
    });

    it("writes nothing if the global index has the wrong type", async () => {
      await here.server.call("SET", INDEX, "a string");
      expect(await write(task()).catch((error) => [error])).toEqual([
        expect.objectContaining({ code: "REDIS_FAILED" }),
      ]);
      expect(await here.server.call("DBSIZE")).toBe(1);
    });

    it("looks again if the service wrote between look and write", async () => {
      const flaky = new FlakyMirror(here.mirror);
      await write(task({ status: "running" }));
      let once = true;
      flaky.onCall(async (method) => {
        if (method !== "upsert" || !once) return;
        once = false;
        await here.server.call("HSET", KEY, "updated_at", "2026-01-01T00:00:00", "status", "succeeded");
      });
      const ours = taskOf(task({ updated_at: "2025-01-01T00:00:00", status: "failed" }));
      expect(await writeToMirror(flaky.mirror, [ours])).toEqual(["newer"]);
      expect(await here.server.hash(KEY)).toMatchObject({ status: "succeeded", updated_at: "2026-01-01T00:00:00" });
    });

    it("gives up on a copy that keeps changing, with an error", async () => {
      const flaky = new FlakyMirror(here.mirror);
      let second = 0;
      flaky.onCall(async (method) => {
        if (method === "upsert") await here.server.call("HSET", KEY, "updated_at", `2024-01-01T00:00:${10 + second++}`);
      });
      const outcomes = await writeToMirror(flaky.mirror, [taskOf(task({ updated_at: "2025-01-01T00:00:00" }))]);
      expect(outcomes).toEqual([expect.objectContaining({ code: "REDIS_FAILED" })]);
      expect(second).toBeGreaterThan(1);
    });

    it("ends with the newest of any sequence of writes, its score in both indexes", async () => {
      const moment = fc.integer({ min: 0, max: 5 });
      await fc.assert(
        fc.asyncProperty(fc.array(moment, { minLength: 1, maxLength: 8 }), async (moments) => {
          await here.server.call("FLUSHALL");
          for (const [i, at] of moments.entries()) {
            await write(task({ updated_at: `2024-01-01T00:00:00.00000${at}`, n: i }));
          }
          const newest = Math.max(...moments);
          const { payload } = await here.server.hash(KEY);
          expect(JSON.parse(payload!).n).toBe(moments.indexOf(newest));
          expect((await scores()).map(Number)).toEqual(Array(2).fill(1_704_067_200 + newest / 1e6));
        }),
        { numRuns: 30 },
      );
    });
  });
});
