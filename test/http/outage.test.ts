import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { redisProxy, type Verdict } from "../helpers/faults.ts";
import { ago, record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { ServiceRoot } from "../helpers/root.ts";
import { ttsctl } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { Served } from "./setup.ts";

let redis: RedisServer;
let root: ServiceRoot;
let server: Served;

beforeAll(async () => {
  redis = await RedisServer.start("--appendonly", "yes", "--appendfsync", "always"); // it keeps its data over a stop
});
afterAll(() => redis.remove());
beforeEach(async () => {
  await redis.call("FLUSHALL");
  root = new ServiceRoot(redis.port);
  root.writeStore(tasks(300));
});
afterEach(async () => {
  await server.stop();
  root.remove();
});

interface Answer {
  readonly total: number;
  readonly source: string;
  readonly items: readonly { readonly task_id: string; readonly status: string }[];
}

const tasks = (count: number) =>
  Array.from({ length: count }, (_, i) => record("alice", `t${i}`, { status: "running", updated_at: ago(600 + i) }));
const list = async (query = "") => (await server.json(`/voice-tasks?${query}`)) as Answer;
const redisAnswers = () => until(async () => (await list()).source === "redis");

function started(...args: string[]): Promise<Served> {
  return Served.start(root.path, ["--no-cleanup", ...args], {}, new FastClock());
}

/** It has loaded its data when this returns. */
async function startRedis(): Promise<void> {
  await redis.start();
  await until(async () => (await redis.call("PING").catch(() => null)) === "PONG");
}

async function expectTheFile(): Promise<Answer> {
  expect((await list("user_id=alice&task_ids=t0")).items).toMatchObject([{ status: "done" }]);
  expect((await list("user_id=alice&task_ids=t1")).items).toEqual([]);
  expect((await list("user_id=alice&task_ids=t2")).items).toEqual([]);
  const answer = await list("page_size=1000");
  expect(answer.total).toBe(298);
  return answer;
}

it("after Redis was down no response is stale: writes of the service and deletions of the server reach Redis before it is read", async () => {
  server = await started();
  await redisAnswers();
  await redis.stop();
  root.writeStore([record("alice", "t0", { updated_at: ago(60) }), ...tasks(300).slice(1)]);
  for (const id of ["t1", "t2"]) {
    const { status } = await server.fetch(`/voice-tasks/${id}?user_id=alice&force=true`, { method: "DELETE" });
    expect(status).toBe(200);
  }
  await startRedis();
  await until(async () => (await expectTheFile()).source === "redis", 5);
  expect(await redis.call("EXISTS", "tts:task:alice:t1", "tts:task:alice:t2")).toBe(0);
});

it("a task that the service deletes while Redis is down isn't shown again, and the warning says how to remove it", async () => {
  server = await started();
  await redisAnswers();
  await redis.stop();
  root.writeStore(tasks(299));
  await startRedis();
  await server.run.says(/is back[\s\S]*1 Redis-only task/);
  const answer = await server.fetch("/voice-tasks?page_size=1");
  expect(await answer.json()).toMatchObject({ total: 299, source: "file" });
  expect(answer.headers.get("ttsctl-warnings")).toContain("`ttsctl sync --prune`");
});

describe("changes of a selection while Redis is away", () => {
  const serve = async (...args: string[]) => {
    server = await started(...args);
    await ttsctl(["sync"], { cwd: root.path });
    await redis.stop();
    await server.run.says(/reads use the store file/);
  };

  it.each([[[]], [["--no-sync"]]])("deleted tasks leave Redis before it is read again: %j", async (args) => {
    await serve(...args);
    const times = root.readStore().map(({ updated_at }) => updated_at as string);
    const left = times.filter((time) => time >= times[9]!).length;
    const answer = await server.post("/voice-tasks/delete", { user_id: "alice", until: times[9], force: true });
    expect(await answer.json()).toMatchObject({ deleted: 300 - left });
    expect(answer.headers.get("ttsctl-warnings")).toMatch(/Redis at/);
    await startRedis();
    await until(async () => {
      const { total, source } = await list("page_size=1");
      expect(total).toBe(left);
      return source === "redis" || args.length > 0;
    });
    await until(async () => (await redis.call("ZCARD", "tts:tasks:index")) === left);
  });

  it("marked tasks have their status in every answer, also if Redis only refuses the write", async () => {
    let refuses = true;
    const limit = (replicas: number) => redis.call("CONFIG", "SET", "min-replicas-to-write", replicas);
    await using proxy = await redisProxy(redis.port, async (sent): Promise<Verdict> => {
      if (refuses && sent.includes("queued")) await limit(1);
      return "pass";
    });
    try {
      server = await started("--redis-url", proxy.url);
      await redisAnswers();
      const answer = await server.post("/voice-tasks/mark", { task_ids: ["alice:t0"], to: "queued" });
      expect(await answer.json()).toMatchObject({ marked: 0, failed: 1 });
      expect(root.readStore()[0]).toMatchObject({ status: "queued" });
      for (let i = 0; i < 20; i++)
        expect((await list("user_id=alice&task_ids=t0")).items).toMatchObject([{ status: "wait" }]);
      refuses = false;
      await limit(0);
      await until(async () => (await redis.hash("tts:task:alice:t0")).status === "queued");
    } finally {
      await limit(0);
    }
  });
});

it("a deletion of a command without Redis: a server that only reads leaves Redis alone, any other makes it", async () => {
  await ttsctl(["sync"], { cwd: root.path });
  const deleted = await ttsctl(["delete", "--ids", "alice:t1", "--yes", "--force"], {
    cwd: root.path,
    env: { REDIS_PORT: "1" },
  });
  expect(deleted.code).toBe(3);
  server = await started("--read-only");
  for (let i = 0; i < 20; i++) expect((await list("user_id=alice&task_ids=t1")).items).toEqual([]);
  expect(await redis.call("EXISTS", "tts:task:alice:t1")).toBe(1);
  await server.stop();
  server = await started("--no-sync");
  await until(async () => (await list()).source === "redis");
  expect(await redis.call("EXISTS", "tts:task:alice:t1")).toBe(0);
});
