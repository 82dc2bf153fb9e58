import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
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
  const end = await flaky.mirror.beginSync();
  await flaky.mirror.recount(new Set([undefined, ...records.map((each) => String(each.user_id))]), true);
  await end("2024-01-01T00:00:00+00:00");
}

it("a Redis that was never synced is read again if a sync fills it before the file is counted", async () => {
  const tasks = [record("alice", "t1"), record("alice", "t2"), record("bob", "t3")];
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

it("members whose hash is gone are filled from the file, or left out and counted", async () => {
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

it("by ids survives a Redis that fails midway", async () => {
  await synced(record("alice", "t1"));
  flaky.goDown((method) => method === "read");
  const answer = await store.list(byIds("t1", "t2"));
  expect(answer).toMatchObject({ source: "file", total: 1, missing: ["t2"] });
  expect(answer.warnings).toHaveLength(1);
});
