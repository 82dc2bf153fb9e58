import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import { type ListQuery, TaskStore } from "../../../src/store/task-store.ts";
import { writable } from "../../../src/store/writable.ts";
import { NO_FILTER, ofUser } from "../../../src/task/query-fields.ts";
import { startRedis, type TestServer } from "../../helpers/deployments.ts";
import { type FlakyMirror, flakyMirror, linkTo } from "../../helpers/doubles.ts";
import { RULES, record, taskOf } from "../../helpers/records.ts";
import { type RecordJson, ServiceRoot } from "../../helpers/root.ts";

let server: TestServer;
let flaky: FlakyMirror;
let root: ServiceRoot;
let store: TaskStore;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.remove());

beforeEach(async () => {
  await server.call("FLUSHALL");
  flaky = await flakyMirror(server);
  root = new ServiceRoot();
  store = new TaskStore(writable(new FileStore(root.store, RULES, systemClock)), linkTo(flaky.mirror));
});
afterEach(() => {
  flaky.mirror.close();
  root.remove();
});

const PAGE: ListQuery = { filter: NO_FILTER, ids: null, page: 1, pageSize: 20, source: "auto" };
const byIds = (...ids: string[]): ListQuery => ({
  ...{ ...PAGE, filter: ofUser("alice"), ids: ids.map((taskId) => ({ userId: "alice", taskId })) },
});
const idsOf = ({ tasks }: { tasks: { taskId: string }[] }) => tasks.map(({ taskId }) => taskId);

/** Both stores hold these records, as after a sync. */
async function synced(...records: RecordJson[]): Promise<void> {
  root.writeStore(records);
  await writeToMirror(flaky.mirror, records.map(taskOf));
  await flaky.mirror.beginSync("token");
  await flaky.mirror.recount(new Set([undefined, ...records.map((each) => String(each.user_id))]), true);
  await flaky.mirror.endSync("token", "2024-01-01T00:00:00+00:00");
  flaky.calls.length = 0;
}

class CountingFile extends FileStore {
  reads = 0;

  override async read() {
    this.reads++;
    return super.read();
  }
}

describe("fallback and recovery", () => {
  const tasks = [record("alice", "t1"), record("alice", "t2"), record("bob", "t3")];
  const newestFirst = ["t3", "t2", "t1"];

  it("reads from Redis, in an outage from the file, then from Redis again", async () => {
    await synced(...tasks);
    expect(await store.list(PAGE)).toMatchObject({ source: "redis", warnings: [] });
    flaky.goDown();
    const during = await store.list(PAGE);
    expect(during).toMatchObject({ source: "file", total: 3 });
    expect(during.warnings).toHaveLength(1);
    expect(during.warnings[0]).toContain("ttsctl sync");
    expect(idsOf(during)).toEqual(newestFirst);
    flaky.comeBack();
    const after = await store.list(PAGE);
    expect(after).toMatchObject({ source: "redis", warnings: [] });
    expect(idsOf(after)).toEqual(newestFirst);
  });

  it.each(["standing", "page"])("falls back whole if Redis fails midway, at %s", async (at) => {
    await synced(...tasks);
    flaky.goDown((method) => method === at);
    const answer = await store.list(PAGE);
    expect(flaky.calls).toContain(at);
    expect(answer).toMatchObject({ source: "file", total: 3, dangling: 0 });
    expect(answer.warnings).toHaveLength(1);
    expect(idsOf(answer)).toEqual(newestFirst);
  });

  it("does not look at the file if Redis has everything", async () => {
    await synced(...tasks);
    root.write("voice_task.json", "not JSON");
    expect(await store.list(PAGE)).toMatchObject({ source: "redis", total: 3, warnings: [] });
  });

  it("does not fall back from a forced source", async () => {
    await synced(...tasks);
    flaky.goDown();
    await expect(store.list({ ...PAGE, source: "redis" })).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    expect(await store.list({ ...PAGE, source: "file" })).toMatchObject({ source: "file", warnings: [] });
  });

  it("reads only the forced store", async () => {
    await synced(...tasks);
    expect(await store.list({ ...PAGE, source: "file" })).toMatchObject({ total: 3 });
    expect(flaky.calls).toEqual([]);
    root.write("voice_task.json", "not JSON");
    expect(await store.list({ ...PAGE, source: "redis" })).toMatchObject({ total: 3, source: "redis", warnings: [] });
    expect(await store.list({ ...byIds("t1", "nix"), source: "redis" })).toMatchObject({
      missing: ["nix"],
      warnings: [],
    });
  });
});

describe("a Redis that was never synced, or was flushed", () => {
  const tasks = [record("alice", "t1"), record("alice", "t2"), record("bob", "t3")];

  it("reads use a file that has more, and the warning has the remedy", async () => {
    await synced(...tasks);
    await server.call("FLUSHALL");
    await writeToMirror(flaky.mirror, [taskOf(tasks[0]!)]);
    const answer = await store.list(PAGE);
    expect(answer).toMatchObject({ source: "file", total: 3 });
    expect(answer.warnings).toEqual([expect.stringContaining("ttsctl sync")]);
  });

  it("counts in the scope of the question", async () => {
    root.writeStore(tasks);
    await writeToMirror(flaky.mirror, tasks.slice(0, 2).map(taskOf));
    const of = (userId: string) => store.list({ ...PAGE, filter: ofUser(userId) });
    expect(await of("alice")).toMatchObject({ source: "redis", total: 2, warnings: [] });
    expect(await of("bob")).toMatchObject({ source: "file", total: 1 });
  });

  it("reads Redis again if a sync fills it before the file is counted", async () => {
    class SyncingFile extends FileStore {
      override async read() {
        await writeToMirror(flaky.mirror, tasks.map(taskOf));
        return super.read();
      }
    }
    root.writeStore(tasks);
    store = new TaskStore(new SyncingFile(root.store, RULES, systemClock), linkTo(flaky.mirror));
    expect(await store.list(PAGE)).toMatchObject({ source: "redis", total: 3, warnings: [] });
  });

  it("is read if it has as many, but not if its index was lost since a sync", async () => {
    root.writeStore(tasks);
    await writeToMirror(flaky.mirror, tasks.map(taskOf));
    expect(await store.list(PAGE)).toMatchObject({ source: "redis", warnings: [] });
    await server.call("FLUSHALL");
    await flaky.mirror.beginSync("token");
    await flaky.mirror.endSync("token", "2024-01-01T00:00:00+00:00");
    expect(await store.list(PAGE)).toMatchObject({ source: "file", total: 3 });
  });
});

describe("members whose hash is gone", () => {
  it("are filled from the file, or left out and counted", async () => {
    await synced(record("alice", "t1"), record("alice", "t2"));
    await writeToMirror(flaky.mirror, [taskOf(record("alice", "t3"))]);
    await server.call("DEL", "tts:task:alice:t2", "tts:task:alice:t3");
    const answer = await store.list(PAGE);
    expect(idsOf(answer)).toEqual(["t2", "t1"]);
    expect(answer).toMatchObject({ source: "mixed", dangling: 1 });
    expect(answer.warnings).toHaveLength(1);
    const filtered = await store.list({ ...PAGE, filter: { ...NO_FILTER, statuses: new Set(["done"]) } });
    expect(idsOf(filtered)).toEqual(["t2", "t1"]);
    expect(filtered).toMatchObject({ source: "mixed", dangling: 1, total: 2 });
  });

  it("do not count for the source if they are on another page, or filtered away", async () => {
    const failed = record("alice", "t3", { status: "failed" });
    await synced(record("alice", "t1"), record("alice", "t2"), failed);
    await server.call("DEL", "tts:task:alice:t1", "tts:task:alice:t3");
    const filter = { ...NO_FILTER, statuses: new Set(["done"]) };
    const answer = await store.list({ ...PAGE, filter, pageSize: 1 });
    expect(idsOf(answer)).toEqual(["t2"]);
    expect(answer).toMatchObject({ source: "redis", total: 2, dangling: 0 });
  });

  it("count if only a part of the hash is left, with a filter as without", async () => {
    await synced(record("alice", "t1"));
    await server.call("HDEL", "tts:task:alice:t1", "payload", "updated_at");
    root.writeStore([]);
    expect(await store.list(PAGE)).toMatchObject({ tasks: [], dangling: 1 });
    const filter = { ...NO_FILTER, statuses: new Set(["done"]) };
    expect(await store.list({ ...PAGE, filter })).toMatchObject({ tasks: [], dangling: 1 });
  });

  it("make the source the file if all of the page came from there", async () => {
    await synced(record("alice", "t1"));
    await server.call("DEL", "tts:task:alice:t1");
    expect(await store.list(PAGE)).toMatchObject({ source: "file", dangling: 0, total: 1 });
  });

  it("don't prevent reads from Redis if the file can't be read, with a warning", async () => {
    await synced(record("alice", "t1"), record("alice", "t2"));
    await server.call("DEL", "tts:task:alice:t2");
    root.write("voice_task.json", "[");
    const answer = await store.list(PAGE);
    expect(idsOf(answer)).toEqual(["t1"]);
    expect(answer.warnings.join("\n")).toContain("voice_task.json");
  });
});

describe("by ids", () => {
  it("keeps the requested order, fills from the file, and names missing ids", async () => {
    await synced(record("alice", "t1"), record("alice", "t3"));
    root.writeStore([record("alice", "t1"), record("alice", "t2"), record("alice", "t3")]);
    const answer = await store.list({ ...byIds("t3", "x", "t2", "t1", "y"), page: 7, pageSize: 1 });
    expect(idsOf(answer)).toEqual(["t3", "t2", "t1"]);
    expect(answer).toMatchObject({ source: "mixed", missing: ["x", "y"], page: 1, pageSize: 3, total: 3 });
  });

  it("does not call an id missing that another filter excludes", async () => {
    await synced(record("alice", "t1"), record("alice", "t2", { status: "failed" }));
    const { filter, ...rest } = byIds("t1", "t2", "t3");
    const answer = await store.list({ ...rest, filter: { ...filter, statuses: new Set(["error"]) } });
    expect(idsOf(answer)).toEqual(["t2"]);
    expect(answer).toMatchObject({ total: 1, missing: ["t3"] });
  });

  it("ignores filtered tasks for the source", async () => {
    await synced(record("alice", "t1"));
    root.writeStore([record("alice", "t1"), record("alice", "t2", { status: "failed" })]);
    const { filter, ...rest } = byIds("t1", "t2");
    const answer = await store.list({ ...rest, filter: { ...filter, statuses: new Set(["done"]) } });
    expect(answer).toMatchObject({ total: 1, source: "redis", missing: [] });
  });

  it("finds no task of another user", async () => {
    await synced(record("bob", "t1"));
    expect(await store.list(byIds("t1"))).toMatchObject({ total: 0, missing: ["t1"] });
  });

  it("reads the file once for all tasks that Redis lacks, and not at all if it lacks none", async () => {
    const records = Array.from({ length: 1200 }, (_, i) => record("alice", `t${i}`));
    await synced(...records.slice(0, 200));
    root.writeStore(records);
    const file = new CountingFile(root.store, RULES, systemClock);
    store = new TaskStore(file, linkTo(flaky.mirror));
    const some = await store.list(byIds(...records.slice(0, 100).map(({ task_id }) => task_id)));
    expect([some.total, some.source, file.reads]).toEqual([100, "redis", 0]);
    const all = await store.list(byIds(...records.map(({ task_id }) => task_id)));
    expect([all.total, all.source, file.reads]).toEqual([1200, "mixed", 1]);
  });

  it("survives a Redis that fails midway", async () => {
    await synced(record("alice", "t1"));
    flaky.goDown((method) => method === "read");
    const answer = await store.list(byIds("t1", "t2"));
    expect(answer).toMatchObject({ source: "file", total: 1, missing: ["t2"] });
    expect(answer.warnings).toHaveLength(1);
  });
});
