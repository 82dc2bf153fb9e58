import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openArtifacts } from "../../src/artifacts/artifacts.ts";
import { systemClock } from "../../src/clock.ts";
import { getTask } from "../../src/operations/get.ts";
import { FileStore } from "../../src/store/file/file-store.ts";
import type { Mirror } from "../../src/store/redis/mirror.ts";
import { type ListResult, TaskStore } from "../../src/store/task-store.ts";
import { NO_FILTER } from "../../src/task/filter.ts";
import { shownStatus } from "../../src/task/status.ts";
import { Zone } from "../../src/task/zone.ts";
import { connectMirror, linkTo } from "../helpers/doubles.ts";
import { RedisServer } from "../helpers/redis.ts";
import { ServiceRoot } from "../helpers/root.ts";
import { ttsctl } from "../helpers/ttsctl.ts";
import { type Judgement, type MirrorReport, makeStore, model, type Order } from "./python.ts";

/** When the stores were written; long ago, so that no task is ever younger than the test. */
const NOW = 1_700_000_000;

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.remove());

/** What a run of the tool in another zone than the service's prints. */
async function json(root: ServiceRoot, line: string): Promise<Record<string, unknown>> {
  const run = await ttsctl([...line.split(" "), "-o", "json"], { cwd: root.path, env: { TZ: "UTC" } });
  expect(run.stderr.split("\n").filter((text) => text !== "" && !/^\[CLEANUP\]|^warning: /.test(text))).toEqual([]);
  expect(run.code).toBe(0);
  return JSON.parse(run.stdout) as Record<string, unknown>;
}

function nameOf({ user_id, task_id }: { user_id: string; task_id: string }): string {
  return `${user_id}:${task_id}`;
}

/** A retention that lies in the middle of the tasks' ages. */
function retention(now = NOW): string {
  return `${Math.round(Date.now() / 1000 - now + 7 * 86_400)}`;
}

/** `cleanup --once` does what Python's model says, to the byte. */
async function expectModelCleanup(root: ServiceRoot, timezone: string, now = NOW): Promise<Judgement> {
  await model(timezone, "prepare", root.path, server.port);
  await model(timezone, "remember", root.path, server.port, `${root.path}.state`);
  const result = await json(root, `cleanup --once --retention ${retention(now)}`);
  const judgement = await model<Judgement>(
    timezone,
    "judge",
    root.path,
    server.port,
    `${root.path}.state`,
    JSON.stringify(result),
  );
  expect(judgement.problems).toEqual([]);
  return judgement;
}

function rootFor(timezone: string, store = "voice_task.json"): ServiceRoot {
  const root = new ServiceRoot();
  root.write(
    "config.ini",
    `[redis]\nport = ${server.port}\n[service]\ntimezone = ${timezone}\n[store]\npath = ${store}\n`,
  );
  return root;
}

describe("10,000 tasks of a service in Shanghai, with the tool in UTC", () => {
  const ZONE = "Asia/Shanghai";
  let root: ServiceRoot;
  let order: Order;
  let mirror: Mirror;
  let store: TaskStore;

  beforeAll(async () => {
    await server.call("FLUSHALL");
    root = rootFor(ZONE);
    await makeStore(root.path, ZONE, "--tasks", 10_000, "--users", 20, "--now", NOW, "--seed", 7, "--artifacts", 1500);
    order = await model<Order>(ZONE, "order", root.path);
    mirror = await connectMirror(server, new Zone(ZONE));
    store = new TaskStore(new FileStore(root.store, new Zone(ZONE), systemClock), linkTo(mirror));
  });
  afterAll(() => {
    mirror.close();
    root.remove();
  });

  it("are synced so that every field, member and score is what Python computes", async () => {
    expect(await json(root, "sync")).toMatchObject({ total: 10_000, written: 10_000, failed: 0, invalid: 0 });
    const report = await model<MirrorReport>(ZONE, "mirror", root.path, server.port);
    expect(report).toMatchObject({ tasks: 10_000, keys: 10_000 + 20 + 2, differences: { count: 0 } });
    expect(await json(root, "sync --checksum")).toMatchObject({ total: 10_000, unchanged: 10_000 });
  });

  it.each(["redis", "file"] as const)(
    "are listed in Python's order from %s, for everyone and every user, page by page",
    async (source) => {
      const names = order.all.map(([user, task]) => `${user}:${task}`);
      for (const page of [1, 6, 10, 11]) {
        const list = await json(root, `list --page ${page} --page-size 1000 --source ${source}`);
        expect(list).toMatchObject({ total: 10_000, page, pageSize: 1000, source });
        const items = list.items as { user_id: string; task_id: string; status: string }[];
        expect(items.map(nameOf)).toEqual(names.slice((page - 1) * 1000, page * 1000));
        for (const item of items) expect(item.status).toBe(order.statuses[nameOf(item)]);
      }
      expect(await everyPage(undefined, 1000, source)).toEqual(names);
      for (const [userId, expected] of Object.entries(order.users)) {
        expect(await everyPage(userId, 250, source)).toEqual(expected.map((task) => `${userId}:${task}`));
      }
    },
  );

  /** What all pages of a list give, in order; their totals are checked on the way. */
  async function everyPage(userId: string | undefined, pageSize: number, source: "redis" | "file"): Promise<string[]> {
    const filter = userId === undefined ? NO_FILTER : { ...NO_FILTER, userId };
    const seen: string[] = [];
    for (let page = 1; ; page++) {
      const list = await store.list({ filter, ids: null, page, pageSize, source });
      seen.push(...list.tasks.map((task) => `${task.userId}:${task.taskId}`));
      if (list.tasks.length > 0) continue;
      expect(list.total).toBe(seen.length);
      return seen;
    }
  }

  it("are found by query with every id of a user, from both stores", async () => {
    for (const [userId, taskIds] of Object.entries(order.users).slice(0, 3)) {
      const shuffled = [...taskIds].sort((a, b) => (a.slice(-3) < b.slice(-3) ? -1 : 1));
      root.write("query.json", JSON.stringify({ user_id: userId, task_ids: shuffled }));
      const [redis, file] = await Promise.all(
        ["redis", "file"].map((source) => json(root, `query --file query.json --source ${source}`)),
      );
      expect((redis!.items as { task_id: string }[]).map(({ task_id }) => task_id)).toEqual(shuffled);
      expect(redis!.items).toEqual(file!.items);
    }
  });

  it("are the same filtered by status and time, from both stores", async () => {
    for (const [words, since, until] of [
      [["done"], 3, 10],
      [["wait", "error"], 0, 14],
      [[], 6.5, 7],
    ] as const) {
      const filter = { statuses: new Set<string>(words), since: NOW - until * 86_400, until: NOW - since * 86_400 };
      const answers: ListResult[] = [];
      for (const source of ["redis", "file"] as const)
        answers.push(await store.list({ filter, ids: null, page: 2, pageSize: 150, source }));
      expect(answers[0]!.total).toBe(answers[1]!.total);
      expect(answers[0]!.total).toBeGreaterThan(100);
      expect(answers[0]!.tasks.map(({ json: text }) => text)).toEqual(answers[1]!.tasks.map(({ json: text }) => text));
      for (const { status } of answers[0]!.tasks) if (words.length > 0) expect(words).toContain(shownStatus(status));
    }
  });

  it("are shown by get with both copies the same", async () => {
    const artifacts = await openArtifacts({ output: root.at("output"), logs: root.at("Logs") });
    const parts = { file: new FileStore(root.store, new Zone(ZONE), systemClock), link: linkTo(mirror), artifacts };
    for (const [userId, taskId] of order.all.filter((_, i) => i % 1200 === 0)) {
      const result = await getTask(parts, { userId, taskId }, "auto");
      expect(result.file!.json).toBe(result.redis!.json);
    }
    await artifacts.close();
    const [userId, taskId] = order.all[5]!;
    const shown = await json(root, `get ${userId} ${taskId}`);
    expect(shown.file).toEqual(shown.redis);
  });

  it("are purged exactly where Python's model of section 6 says, and nothing else changes", async () => {
    const judgement = await expectModelCleanup(root, ZONE);
    expect(judgement.purged).toBeGreaterThan(2000);
    expect(judgement.skipped).toBeGreaterThan(30);
    expect(judgement.files).toBeGreaterThan(1000);
    expect(await json(root, `cleanup --once --retention ${retention()}`)).toMatchObject({ purged: 0, failed: 0 });
  });
});

describe("1,000 tasks", () => {
  beforeEach(async () => {
    await server.call("FLUSHALL");
  });

  it.each<{ what: string; zone: string; args: string[]; now?: number }>([
    { what: "in an array with UTC times", zone: "UTC", args: ["--times", "iso-utc"] },
    { what: "in an array with epoch times", zone: "UTC", args: ["--times", "epoch"] },
    { what: "in a map", zone: "Asia/Shanghai", args: ["--shape", "map"] },
    { what: "in JSON Lines", zone: "Asia/Shanghai", args: ["--shape", "jsonl"] },
    { what: "in JSON Lines with epoch times", zone: "UTC", args: ["--shape", "jsonl", "--times", "epoch"] },
    { what: "of users who share ids and logs", zone: "Asia/Kolkata", args: ["--shared-ids", "--users", "4"] },
    // Two weeks around the end of summer time: an hour of local times comes twice.
    { what: "in Berlin, when the clocks go back", zone: "Europe/Berlin", args: [], now: 1_699_000_000 },
    { what: "in New York, when the clocks go forward", zone: "America/New_York", args: [], now: 1_710_500_000 },
  ])("$what", async ({ zone, args, now = NOW }) => {
    const jsonl = args.includes("jsonl");
    const root = rootFor(zone, jsonl ? "voice_task.jsonl" : "voice_task.json");
    await makeStore(root.path, zone, "--tasks", 1000, "--now", now, "--seed", 3, "--artifacts", 400, ...args);
    expect(await json(root, "sync")).toMatchObject({ total: 1000, written: 1000 });
    const report = await model<MirrorReport>(zone, "mirror", root.path, server.port);
    expect(report).toMatchObject({ tasks: 1000, differences: { count: 0 } });
    const order = await model<Order>(zone, "order", root.path);
    for (const source of ["redis", "file"]) {
      const { items } = await json(root, `list --page-size 1000 --source ${source}`);
      expect((items as { user_id: string; task_id: string }[]).map((item) => [item.user_id, item.task_id])).toEqual(
        order.all,
      );
    }
    expect((await expectModelCleanup(root, zone, now)).purged).toBeGreaterThan(100);
    root.remove();
  });
});
