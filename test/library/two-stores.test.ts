import { expect, it } from "vitest";
import type { TaskRecord, TaskStore } from "../../src/library/types.ts";
import { ago, record } from "../helpers/records.ts";
import { useLibrary } from "./setup.ts";

const here = useLibrary();
const MISMATCH = { state: "failed", error: { code: "STORE_MISMATCH" } };
const task = (userId: string, n: number): TaskRecord => record(userId, `t${n}`, { updated_at: ago(n) });
const fill = (store: TaskStore, userId: string, count = 20) =>
  Promise.all(Array.from({ length: count }, (_, n) => store.upsert(task(userId, n))));
const open = (name: string, options = {}) => here.open({ store: here.root.at(name), ...options });

it("a store that is new or another one is refused by a Redis with tasks, before the first write", async () => {
  await fill(await open("a.jsonl"), "alice");
  const before = await here.server.dump();
  const other = await open("b.jsonl");
  const warnings = [expect.stringContaining("in common"), expect.anything()];
  expect(await other.listPage()).toMatchObject({ source: "file", total: 0, warnings });
  const results = await fill(other, "bob");
  for (const result of results) expect(result).toMatchObject({ state: "written", redis: MISMATCH });
  expect(await other.delete("bob", "t0")).toMatchObject({ state: "removed", redis: MISMATCH });
  expect(await other.syncToRedis()).toMatchObject({ counts: null, problem: { code: "STORE_MISMATCH" } });
  expect(await other.listPage()).toMatchObject({ source: "file", total: 19 });
  await other.close();
  const again = await open("b.jsonl");
  expect((await again.upsert(task("bob", 30))).redis).toMatchObject(MISMATCH);
  await expect(again.listPage({ source: "redis" })).rejects.toMatchObject({ code: "STORE_MISMATCH" });
  expect(await here.server.dump()).toEqual(before);
  expect(here.heard.filter((line) => line.includes("in common")).length).toBeLessThan(10);
});

it("a Redis that answered while the file couldn't be read is checked before the first write", async () => {
  await fill(await open("a.jsonl"), "alice");
  const before = await here.server.dump();
  here.root.write("b.json", "[");
  const other = await open("b.json");
  expect(await other.listPage({ source: "redis" })).toMatchObject({ total: 20 });
  here.root.write("b.json", "[]");
  expect(await other.upsert(task("bob", 1))).toMatchObject({ state: "written", redis: MISMATCH });
  expect(await here.server.dump()).toEqual(before);
});

it.each([
  ["LAYOUT_MISMATCH", "api_ms", "UTC"],
  ["TIMEZONE_MISMATCH", "plain", "Asia/Shanghai"],
] as const)("a Redis whose tasks would be read wrongly is left alone: %s", async (code, layout, timezone) => {
  const first = await open("a.jsonl", { timezone, redis: { port: here.server.port, layout } });
  for (let n = 0; n < 5; n++) await first.upsert({ ...task("alice", n), updated_at: ago(n).slice(0, 19) });
  await first.close();
  const before = await here.server.dump();
  const other = await open("a.jsonl");
  expect(await other.upsert(task("alice", 30))).toMatchObject({ state: "written", redis: { error: { code } } });
  expect(await here.server.dump()).toEqual(before);
});

it("a store is not refused because of its own deletions", async () => {
  const first = await open("a.jsonl");
  await fill(first, "alice");
  await first.close();
  const second = await open("a.jsonl");
  const deleted = await Promise.all(Array.from({ length: 20 }, (_, n) => second.delete("alice", `t${n}`)));
  expect(new Set(deleted.map(({ redis }) => redis.state))).toEqual(new Set(["removed"]));
});

it("two stores with prefixes of their own share a database", async () => {
  const redis = (prefix: string) => ({ redis: { port: here.server.port, timeout: "500ms", prefix } });
  const stores = [await open("a.jsonl", redis("a:")), await open("b.jsonl", redis("b:"))];
  for (const [i, store] of stores.entries()) {
    const results = await fill(store, `user${i}`);
    expect(new Set(results.map(({ redis }) => redis.state))).toEqual(new Set(["written"]));
  }
  for (const [i, store] of stores.entries()) {
    const items = [{ userId: `user${i}` }];
    expect(await store.listPage({ pageSize: 1 })).toMatchObject({ source: "redis", total: 20, items });
    expect(await store.delete(`user${i}`, "t0")).toEqual({ state: "removed", redis: { state: "removed" } });
    expect(await store.syncToRedis()).toMatchObject({ counts: { unchanged: 19, orphans: 0 } });
  }
  expect((await here.server.call("KEYS", "tts:*")) as string[]).toEqual([]);
});
