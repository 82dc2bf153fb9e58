import { describe, expect, it } from "vitest";
import { settingsOf } from "../../src/library/settings.ts";
import type { ChangeEvent, MirrorEvent, PageQuery, TaskPage, TaskStore } from "../../src/library/types.ts";
import { writeOld } from "../helpers/files.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { useLibrary } from "./setup.ts";

const here = useLibrary();
const task = (taskId: string, more = {}) => record("alice", taskId, { updated_at: ago(60), ...more });

describe("cursors", () => {
  const idsOf = ({ items }: TaskPage) => items.map(({ taskId }) => taskId);

  /** Eight tasks, five of one second. Two hashes have other times than the indexes, and one of them no status. */
  async function fill(): Promise<TaskStore> {
    const store = await here.open();
    const times = [100, 200, 200, 200, 200, 300, 400];
    await Promise.all(times.map((updated_at, i) => store.upsert(task(`t${i}`, { updated_at }))));
    await store.upsert(record("bob", "t2", { updated_at: 200 }));
    await store.syncToRedis();
    await here.server.call("HSET", "tts:task:alice:t0", "updated_at", "1970-01-01T00:10:00");
    await here.server.call("HDEL", "tts:task:alice:t0", "status");
    await here.server.call("HSET", "tts:task:alice:t5", "updated_at", "1970-01-01T00:00:01");
    return store;
  }

  async function pages(store: TaskStore, query: PageQuery, source = query.source): Promise<TaskPage[]> {
    const all = [await store.listPage(query)];
    for (let page = all[0]!; page.nextCursor !== null; all.push(page)) {
      page = await store.listPage({ ...query, source, cursor: page.nextCursor });
    }
    return all;
  }

  it.each(["redis", "file"] as const)("lead through all tasks once, from %s", async (source) => {
    const store = await fill();
    for (const pageSize of [1, 2, 3, 7, 8, 20]) {
      for (const query of [{}, { userId: "alice" }, { status: ["done"] }, { since: 200, until: 400 }]) {
        const whole = await store.listPage({ ...query, source });
        const read = await pages(store, { ...query, source, pageSize });
        expect(read.flatMap(idsOf)).toEqual(idsOf(whole));
        const other = source === "redis" ? "file" : "redis"; // as after the first page Redis goes down, or comes back
        expect((await pages(store, { ...query, source, pageSize }, other)).flatMap(idsOf)).toEqual(idsOf(whole));
        expect(read.length).toBe(Math.ceil(whole.total / pageSize));
        expect(read.map(({ total }) => total)).toEqual(read.map((_, i) => whole.total - i * pageSize));
      }
    }
  });

  it("go on behind a first page of members without tasks", async () => {
    const store = await fill();
    for (const n of [1, 2]) await here.server.call("ZADD", "tts:tasks:index", 500 + n, `alice:gone${n}`);
    const read = await pages(store, { source: "redis", pageSize: 2 });
    expect(read.flatMap(idsOf)).toEqual(idsOf(await store.listPage({ source: "redis" })));
  });

  it.each(["redis", "file"] as const)("are in the order of a layout by created_at, from %s", async (source) => {
    const store = await here.open({ redis: { port: here.server.port, layout: "api_ms_v3" } });
    for (const n of [1, 3, 2]) await store.upsert(task(`t${n}`, { created_at: n, updated_at: 9 - n }));
    const read = await pages(store, { userId: "alice", status: ["done"], source, pageSize: 1 });
    expect(read.flatMap(idsOf)).toEqual(["t3", "t2", "t1"]);
  });
});

describe("events", () => {
  it("report each change of this process, until the listener is removed", async () => {
    const store = await here.open();
    const heard: ChangeEvent[] = [];
    const off = store.on("change", (event) => heard.push(event));
    store.on("change", () => {
      throw new Error("oops");
    });
    await store.upsert(task("t1", { status: "queued" }));
    await store.upsert(task("t1", { updated_at: 1 })); // older
    await store.claim(["queued"], { status: "running" });
    await store.update("alice", "t1", (one) => ({ ...one, n: 1 }));
    await store.update("alice", "t1", () => null);
    await store.delete("alice", "t1");
    off();
    await store.upsert(task("t2"));
    const ids = { userId: "alice", taskId: "t1" };
    const written = { ...ids, state: "written", redis: { state: "written" } };
    expect(heard).toEqual([written, written, written, { ...ids, state: "removed", redis: { state: "removed" } }]);
    expect(here.heard.join()).toContain("oops");
  });

  it("report when Redis goes down and comes back, and how many changes it lacks", async () => {
    await here.server.stop();
    const store = await here.open();
    const heard: MirrorEvent[] = [];
    store.on("mirror", (event) => heard.push(event));
    await store.upsert(task("t1"));
    await store.upsert(task("t2"));
    await here.server.start();
    await until(() => heard.length > 1, 30);
    expect(heard).toMatchObject([
      { state: "down", owed: 0, error: { code: "REDIS_UNAVAILABLE" } },
      { state: "up", owed: 2, error: null },
    ]);
  });

  it("report that Redis is down when reads know it", async () => {
    const store = await here.open();
    await store.upsert(task("t1"));
    const reads: ReturnType<typeof store.listPage>[] = [];
    const heard: MirrorEvent[] = [];
    store.on("mirror", (event) => {
      if (heard.push(event) === 1) reads.push(store.listPage());
    });
    await here.server.stop();
    await until(() => reads.length > 0);
    await here.server.start();
    const { source, warnings } = await reads[0]!;
    expect([source, ...warnings]).toEqual(["file", expect.stringContaining(`${heard[0]!.error!.message}: reading`)]);
  });
});

it("all() also gives tasks that change while it reads, each once", async () => {
  const store = await here.open();
  const ids = Array.from({ length: 2500 }, (_, i) => `t${i}`);
  await Promise.all(ids.map((id, i) => store.upsert(task(id, { updated_at: ago(9000 - i) }))));
  ids.push("future");
  await store.upsert(task("future", { updated_at: ago(-3600) }));
  await store.syncToRedis();
  const seen: string[] = [];
  for await (const { taskId } of store.all()) {
    if (seen.push(taskId) === 1)
      for (const id of ["t0", "t2499"]) await store.update("alice", id, (one) => ({ ...one, n: 1 }));
  }
  expect(seen.sort()).toEqual(ids.sort());
});

it("a pass of the cleanup that a signal ends says what it left", async () => {
  const control = new AbortController();
  const logger = { info: () => {}, warn: () => control.abort() };
  const store = await here.open({ retention: "1h", logger });
  await store.upsert(task("old", { updated_at: ago(9000) }));
  await store.upsert(task("stuck", { status: "running", updated_at: ago(90_000) })); // a warning before the first purge
  const { counts, problem } = await store.cleanupOnce({ signal: control.signal });
  expect([counts.purged, problem?.code, problem?.message]).toEqual([
    0,
    "INTERRUPTED",
    expect.stringContaining("1 expired task left"),
  ]);
  expect(await store.count()).toBe(2);
});

it("a signal ends all(), syncToRedis() and cleanupOnce()", async () => {
  const store = await here.open({ retention: "1h" });
  await Promise.all(Array.from({ length: 20 }, (_, i) => store.upsert(task(`t${i}`))));
  const control = new AbortController();
  const { signal } = control;
  let seen = 0;
  const read = async () => {
    for await (const _ of store.all({}, { signal })) if (++seen === 3) control.abort();
  };
  await expect(read()).rejects.toMatchObject({ code: "INTERRUPTED" });
  expect(seen).toBe(3);
  await expect(store.syncToRedis({ signal })).rejects.toMatchObject({ code: "INTERRUPTED" });
  await expect(store.cleanupOnce({ signal })).rejects.toMatchObject({ code: "INTERRUPTED" });
  await expect(store.syncToRedis({ signal: 1 as never })).rejects.toMatchObject({ code: "USAGE" });
  expect(await store.count()).toBe(20);
});

describe("artifactPath", () => {
  it.each([
    ["a/b", "t", "x"],
    ["a", "..", "x"],
    ["a", "t", "../x"],
    ["a", "t", ""],
    ["a", "t\u0000", "x"],
    [".ttsctl-purge", "t", "x"],
  ])("is refused for what isn't one plain name: %j %j %j", async (user, taskId, name) => {
    const refused = (await here.open()).artifactPath(user, taskId, name);
    await expect(refused).rejects.toMatchObject({ code: "ARTIFACTS_UNSAFE" });
  });
});

it("a retention for each status is read as [cleanup] retention.done and retention.error are", async () => {
  const path = here.root.at("config.ini");
  writeOld(path, "[cleanup]\nretention = 3d\nretention.done = 2d\n");
  const read = async (options: object) => {
    const { cleanup } = await settingsOf({ config: path, ...options });
    const { retention, retentionDone, retentionError } = cleanup;
    return [retention, retentionDone, retentionError].map(({ value }) => value);
  };
  expect(await read({})).toEqual([259_200, 172_800, null]);
  expect(await read({ retention: { error: "1h" } })).toEqual([259_200, 172_800, 3600]);
  expect(await read({ retention: { default: 60, done: -1 } })).toEqual([60, -1, null]);
  await expect(read({ retention: { wait: 1 } })).rejects.toMatchObject({ code: "USAGE" });
});
