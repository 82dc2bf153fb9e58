import { describe, expect, it } from "vitest";
import type { StoredTask, TaskRecord } from "../../src/library/types.ts";
import { ago, record } from "../helpers/records.ts";
import { useLibrary } from "./setup.ts";

const here = useLibrary();
const RECENT = ago(60);
const task = (taskId: string, more = {}): TaskRecord => record("alice", taskId, { updated_at: RECENT, ...more });
const idsOf = (items: readonly StoredTask[]) => items.map(({ taskId }) => taskId);

describe("upsert and delete", () => {
  it("write both stores", async () => {
    const store = await here.open();
    expect(await store.upsert(task("t1"))).toEqual({ state: "written", redis: { state: "written" } });
    expect(here.root.readStore()).toEqual([task("t1")]);
    expect((await here.server.hash("tts:task:alice:t1")).status).toBe("succeeded");
    expect(await store.delete("alice", "t1")).toEqual({ state: "removed", redis: { state: "removed" } });
    expect(here.root.readStore()).toEqual([]);
    expect(await here.server.call("EXISTS", "tts:task:alice:t1")).toBe(0);
    expect(await here.server.zset("tts:tasks:index")).toEqual([]);
    expect(await store.delete("alice", "t1")).toEqual({ state: "missing", redis: { state: "missing" } });
  });

  it("keep their order in Redis too, many at a time", async () => {
    const store = await here.open();
    const steps = ["queued", "running", "succeeded"];
    const asked = Array.from({ length: 50 }, (_, i) =>
      steps.map((status, at) => store.upsert(task(`t${i}`, { status, updated_at: 1000 + at }))),
    );
    await Promise.all(asked.flat());
    const hashes = await Promise.all(asked.map((_, i) => here.server.hash(`tts:task:alice:t${i}`)));
    expect(new Set(hashes.map(({ status }) => status))).toEqual(new Set(["succeeded"]));
    await Promise.all([
      store.upsert(task("t0", { updated_at: 2000 })),
      store.delete("alice", "t0"),
      store.delete("alice", "t1"),
    ]);
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(48);
  });

  it("write two changes within one second to Redis, even from a store opened again, or if the score is wrong", async () => {
    const [first, second] = [await here.open(), await here.open()];
    const done = { state: "written", redis: { state: "written" } };
    expect(await first.upsert(task("t1", { updated_at: 100, status: "queued" }))).toEqual(done);
    expect(await first.upsert(task("t1", { updated_at: 100, status: "running" }))).toEqual(done);
    await here.server.call("ZADD", "tts:tasks:index", "5", "alice:t1");
    expect(await second.upsert(task("t1", { updated_at: 100, status: "succeeded" }))).toEqual(done);
    expect((await first.get("alice", "t1", { source: "redis" }))!.record.status).toBe("succeeded");
    expect(await here.server.zset("tts:tasks:index")).toEqual([["alice:t1", "100"]]);
  });

  it.each<[unknown, RegExp]>([
    [{ user_id: "a", task_id: "t" }, /updated_at/],
    [{ user_id: "a:b", task_id: "t", updated_at: 1 }, /user_id/],
    [{ user_id: "a", task_id: "\ud800", updated_at: 1 }, /surrogate/],
    [{ user_id: "a", task_id: "t", updated_at: 1, deleted: true }, /delete/],
    [{ user_id: "a", task_id: "t", updated_at: 1, big: 1n }, /JSON/],
    [undefined, /object/],
    [`{"user_id":"a","task_id":"t","updated_at":1,"x":${"1".repeat(5000)}}`, /digits/],
    [`{"user_id":"a","task_id":"t","updated_at":1,"x":${"[".repeat(12_000)}${"]".repeat(12_000)}}`, /nesting/],
    ["{", /JSON/],
  ])("refuse an invalid record (%#), and write nothing", async (record, message) => {
    const store = await here.open();
    const refused = store.upsert(record as TaskRecord);
    await expect(refused).rejects.toMatchObject({ code: "TASK_INVALID", message: expect.stringMatching(message) });
    await expect(store.delete("alice", " ")).rejects.toMatchObject({ code: "TASK_INVALID" });
    expect(here.root.has("voice_task.json")).toBe(false);
  });
});

describe("reading", () => {
  const fill = async () => {
    const store = await here.open();
    const words = ["queued", "running", "succeeded", "failed", "paused"];
    await Promise.all(words.map((status, i) => store.upsert(task(`t${i}`, { status, updated_at: ago(600 - 20 * i) }))));
    await store.upsert(record("bob", "t0", { updated_at: ago(0) }));
    await store.syncToRedis();
    return store;
  };

  it.each(["redis", "file"] as const)("returns pages, ids, and all, from %s", async (source) => {
    const store = await fill();
    const page = await store.listPage({ source, userId: "alice", page: 2, pageSize: 2 });
    expect([page.total, page.source, idsOf(page.items)]).toEqual([5, source, ["t2", "t1"]]);
    expect(page.items[0]).toMatchObject({ status: "done", record: { status: "succeeded", text: "你好，世界" } });
    const chosen = await store.listByIds("alice", ["t4", "t9", "t0"], { source });
    expect([idsOf(chosen.items), chosen.missing]).toEqual([["t4", "t0"], ["t9"]]);
    expect(idsOf((await store.listPage({ source, status: ["wait", "error"] })).items)).toEqual(["t3", "t0"]);
    const all: string[] = [];
    for await (const { userId, taskId } of store.all({ source })) all.push(`${userId}:${taskId}`);
    expect(all).toEqual(["bob:t0", "alice:t4", "alice:t3", "alice:t2", "alice:t1", "alice:t0"]);
    expect((await store.get("alice", "t4", { source }))!.status).toBe("paused");
    expect(await store.get("alice", "t9", { source })).toBeNull();
  });

  it("sees the latest writes to the file, also by other processes", async () => {
    const store = await here.open({ store: here.root.at("tasks.jsonl") });
    const other = await here.open({ store: here.root.at("tasks.jsonl") });
    for (let i = 0; i < 5; i++) {
      await (i % 2 === 0 ? store : other).upsert(task("t1", { n: i, updated_at: 100 + i }));
      expect((await store.get("alice", "t1", { source: "file" }))!.record.n).toBe(i);
    }
  });
});

it("a Redis that hangs costs one timeout, not one for each write; the file has them all", async () => {
  const store = await here.open();
  await store.upsert(task("t0"));
  here.server.suspend();
  try {
    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => store.upsert(task(`t${i}`))));
    expect(new Set(results.map(({ state }) => state))).toEqual(new Set(["written"]));
    expect(results.every(({ redis }) => redis.state === "failed")).toBe(true);
    expect(here.root.readStore()).toHaveLength(100);
  } finally {
    here.server.resume();
  }
});

it("a sync brings no task back that is deleted while it runs", async () => {
  const store = await here.open({ store: here.root.at("tasks.jsonl") });
  await Promise.all(Array.from({ length: 3000 }, (_, i) => store.upsert(task(`t${i}`))));
  await here.server.call("FLUSHALL");
  const synced = store.syncToRedis();
  for (let i = 3000; i > 2700; i -= 30) {
    await Promise.all(Array.from({ length: 30 }, (_, at) => store.delete("alice", `t${i - 1 - at}`)));
  }
  expect(await synced).toMatchObject({ problem: null });
  expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(2700);
});

it("close writes pending changes, and refuses later ones", async () => {
  const store = await here.open();
  const asked = Array.from({ length: 30 }, (_, i) => store.upsert(task(`t${i}`)));
  await store.close();
  await Promise.all(asked);
  expect(here.root.readStore()).toHaveLength(30);
  expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(30);
  for (const refused of [store.upsert(task("x")), store.listPage(), store.startCleanup(), store.all().next()]) {
    await expect(refused).rejects.toMatchObject({ code: "STORE_CLOSED" });
  }
  await store.close();
});
