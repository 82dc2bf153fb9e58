import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TaskRecord, TaskStore } from "../../src/library/types.ts";
import { builtLibrary } from "../faults/helpers/program.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { ago, record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { ttsctl } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { LibraryPlace } from "./setup.ts";

/** Keeps its data over a stop, unlike the server of the other tests. */
const LASTING = ["--appendonly", "yes", "--appendfsync", "always"];
const SOON_S = 2;

const here = new LibraryPlace();
beforeAll(async () => {
  here.server = await RedisServer.start(...LASTING);
});
afterAll(() => here.server.remove());
beforeEach(() => here.renew());
afterEach(() => here.clear());

const task = (n: number, status: string, updatedAt = ago(600 - n / 1000)): TaskRecord =>
  record("alice", `t${n}`, { status, updated_at: updatedAt });
const range = (from: number, end: number) => Array.from({ length: end - from }, (_, i) => from + i);
const statusInRedis = async (n: number) => (await here.server.hash(`tts:task:alice:t${n}`)).status;

const opened = () => here.open({ store: here.root.at("tasks.jsonl") });

async function filled(count: number): Promise<TaskStore> {
  const store = await opened();
  await Promise.all(range(0, count).map((n) => store.upsert(task(n, "running"))));
  return store;
}

/** It has loaded its data when this returns. */
async function startRedis(): Promise<void> {
  await here.server.start();
  await until(async () => (await here.server.call("PING").catch(() => null)) === "PONG");
}

/** Reads again and again until Redis answers. Each read must be right from the start. */
async function untilRedisAnswers(store: TaskStore, right: (read: TaskStore) => Promise<void>): Promise<void> {
  await until(async () => {
    await right(store);
    return (await store.listPage()).source === "redis";
  }, SOON_S);
}

const shows = (status: string) => async (read: TaskStore) => {
  expect((await read.get("alice", "t0"))!.status).toBe(status);
};

describe("while Redis is down", () => {
  it("changes are written to the file, and Redis has them within 2 s after it is back; no read is ever stale", async () => {
    const store = await filled(300);
    await until(async () => (await store.listPage()).source === "redis");
    await here.server.stop();
    const finished = await Promise.all(range(0, 100).map((n) => store.upsert(task(n, "succeeded", ago(60)))));
    const deleted = await Promise.all(range(100, 150).map((n) => store.delete("alice", `t${n}`)));
    const added = await Promise.all(range(300, 350).map((n) => store.upsert(task(n, "queued"))));
    for (const { redis } of [...finished, ...deleted, ...added]) expect(redis).toMatchObject({ state: "failed" });
    await startRedis();
    await untilRedisAnswers(store, async () => {
      expect((await store.get("alice", "t0"))!.status).toBe("done");
      expect(await store.get("alice", "t120")).toBeNull();
      const { total, source, warnings } = await store.listPage({ status: ["done"] });
      expect(total).toBe(100);
      if (source === "file") expect(warnings.join()).toMatch(/not in Redis yet|reading .* instead/);
      expect((await store.listPage()).total).toBe(300);
      const all: string[] = [];
      for await (const one of store.all({ status: ["wait"] })) all.push(one.taskId);
      expect(all).toHaveLength(50);
    });
    const inRedis = await Promise.all([0, 120, 349].map(statusInRedis));
    expect(inRedis).toEqual(["succeeded", undefined, "queued"]);
    expect(here.heard.join("\n")).toContain("Redis missed 200 changes");
  });

  it("an empty Redis after an outage gets the whole file", async () => {
    const store = await filled(500);
    await here.server.call("FLUSHALL");
    await here.server.stop();
    await store.upsert(task(0, "succeeded", ago(60)));
    await startRedis();
    await untilRedisAnswers(store, async () => {
      expect((await store.get("alice", "t0"))!.status).toBe("done");
      expect((await store.listPage()).total).toBe(500);
    });
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(500);
    expect(await here.server.call("EXISTS", "tts:ttsctl:synced")).toBe(1);
  });
});

describe("a program that ended while Redis lacked changes", () => {
  /** Another program, which does this and is killed. */
  async function killed(body: string): Promise<void> {
    const options = { store: here.root.at("tasks.jsonl"), redis: { port: here.server.port, timeout: "500ms" } };
    const script = `import { openTaskStore } from ${JSON.stringify(builtLibrary())};
      const store = await openTaskStore(${JSON.stringify({ ...options, timezone: "UTC" })});
      ${body}
      console.log("done");
      setInterval(() => {}, 1000);`;
    const args = ["--input-type=module", "-e", script];
    const child = spawn(process.execPath, args, { env: cleanEnv(), stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  const owed = () => readdirSync(here.root.path).filter((name) => name.endsWith(".ttsctl-owed"));
  const marks = () => readdirSync(here.root.path).filter((name) => name.includes(".mirror-"));
  const upsert = (one: TaskRecord) => `await store.upsert(${JSON.stringify(one)});`;

  it("killed: the next one reads the file until Redis has it all", async () => {
    await (await filled(50)).close();
    expect(marks()).toEqual([]);
    await here.server.stop();
    await killed(upsert(task(0, "succeeded", ago(60))));
    await startRedis();
    const store = await opened();
    await untilRedisAnswers(store, async (read) => {
      expect((await read.get("alice", "t0"))!.status).toBe("done");
      expect((await read.listPage()).total).toBe(50);
    });
    expect(await statusInRedis(0)).toBe("succeeded");
    await until(() => marks().length === 0);
  });

  it("killed: its mark stays until a sync has failed for no task", async () => {
    await (await filled(5)).close();
    await here.server.stop();
    await killed(upsert(task(0, "succeeded", ago(60))));
    await startRedis();
    await here.server.call("DEL", "tts:task:alice:t0");
    await here.server.call("SET", "tts:task:alice:t0", "a string");
    const store = await opened();
    expect((await store.syncToRedis()).counts).toMatchObject({ failed: 1 });
    expect(marks()).toHaveLength(1);
    await here.server.call("DEL", "tts:task:alice:t0");
    expect((await store.syncToRedis()).counts).toMatchObject({ failed: 0 });
    expect(marks()).toEqual([]);
    expect(await statusInRedis(0)).toBe("succeeded");
  });

  it("killed after it deleted tasks: they leave Redis, and are never read from it, whatever ran in between", async () => {
    await (await filled(50)).close();
    await here.server.stop();
    await killed('await store.delete("alice", "t0");');
    const older = task(1, "running", ago(10 * 86_400));
    await killed(`${upsert(older)} await store.close();`); // the file's is newer: nothing for Redis
    expect(owed()).toHaveLength(1);
    await startRedis();
    const list = ["list", "--ids", "alice:t0", "-o", "json", "--store", "tasks.jsonl"];
    const read = await ttsctl(list, { cwd: here.root.path });
    expect(JSON.parse(read.stdout)).toMatchObject({ source: "file", missing: ["alice:t0"] });
    const store = await opened();
    await untilRedisAnswers(store, async (read) => {
      expect(await read.get("alice", "t0")).toBeNull();
      expect((await read.listPage()).total).toBe(49);
    });
    expect(await here.server.call("EXISTS", "tts:task:alice:t0")).toBe(0);
    expect(owed()).toEqual([]);
    await until(() => marks().length === 0);
  });

  it("killed after it deleted a task at 10 and created it again at 5: Redis gets 5", async () => {
    const first = await filled(5);
    await first.upsert(task(0, "running", ago(10)));
    await first.close();
    await here.server.stop();
    await killed(`await store.delete("alice", "t0"); ${upsert(task(0, "queued", ago(60)))}`);
    await startRedis();
    const store = await opened();
    await untilRedisAnswers(store, shows("wait"));
    expect(await statusInRedis(0)).toBe("queued");
    expect(owed()).toEqual([]);
  });

  it("closed: it says so, and the next one makes up for it", async () => {
    const first = await filled(50);
    await here.server.stop();
    await first.upsert(task(0, "succeeded", ago(60)));
    await first.close();
    expect(here.heard.at(-1)).toMatch(/1 change of the file is not in Redis yet; the next program/);
    await startRedis();
    const store = await opened();
    await untilRedisAnswers(store, shows("done"));
  });
});

const [KEY, OWED] = ["tts:task:alice:t0", ".tasks.jsonl.ttsctl-owed"];
it.each([
  ["REDIS_FAILED", () => here.server.call("SET", KEY, "x"), () => here.server.call("DEL", KEY)],
  ["STORE_UNREADABLE", () => mkdirSync(here.root.at(OWED)), () => here.root.drop(OWED)],
])("a Redis that lacks a change (%s) is not read in place of the file until it has it", async (code, harm, repair) => {
  const store = await filled(10);
  await harm();
  expect((await store.upsert(task(0, "succeeded", ago(60)))).redis).toMatchObject({ state: "failed", error: { code } });
  expect(await store.listPage({ status: ["done"] })).toMatchObject({ source: "file", total: 1 });
  expect(await store.listPage({ source: "redis" })).toMatchObject({ source: "redis" });
  await repair();
  await untilRedisAnswers(store, shows("done"));
  expect(await statusInRedis(0)).toBe("succeeded");
});
