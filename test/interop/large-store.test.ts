import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openArtifacts } from "../../src/artifacts/artifacts.ts";
import { systemClock } from "../../src/clock.ts";
import { getTask } from "../../src/operations/get.ts";
import { FileStore } from "../../src/store/file/file-store.ts";
import type { Mirror } from "../../src/store/redis/mirror.ts";
import { type ListResult, TaskStore } from "../../src/store/task-store.ts";
import { type Writable, writable } from "../../src/store/writable.ts";
import { NO_FILTER, ofUser } from "../../src/task/query-fields.ts";
import { RecordRules } from "../../src/task/rules.ts";
import { shownStatus } from "../../src/task/status.ts";
import { Zone } from "../../src/task/time.ts";
import { connectMirror, linkTo } from "../helpers/doubles.ts";
import { LONG } from "../helpers/long.ts";
import { RedisServer } from "../helpers/redis.ts";
import type { ServiceRoot } from "../helpers/root.ts";
import { expectModelCleanup, json, NOW, nameOf, retention, rootFor } from "./expectations.ts";
import { type MirrorReport, makeStore, model } from "./python.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.remove());

const TASKS = LONG ? 10_000 : 2_000;

describe("thousands of tasks of a service in Shanghai, with the tool in UTC", () => {
  const ZONE = "Asia/Shanghai";
  let root: ServiceRoot;
  let order: MirrorReport;
  let mirror: Writable<Mirror>;
  let store: TaskStore;

  beforeAll(async () => {
    root = rootFor(server.port, ZONE);
    await makeStore(
      root.path,
      ZONE,
      "--tasks",
      TASKS,
      "--users",
      20,
      "--now",
      NOW,
      "--seed",
      7,
      "--artifacts",
      TASKS * 0.15,
    );
    mirror = await connectMirror(server, new RecordRules(new Zone(ZONE)));
    store = new TaskStore(
      writable(new FileStore(root.store, new RecordRules(new Zone(ZONE)), systemClock)),
      linkTo(mirror),
    );
  });
  afterAll(() => {
    mirror.close();
    root.remove();
  });

  it("are synced with every field, member and score as Python computes it", async () => {
    expect(await json(root, "sync")).toMatchObject({ total: TASKS, written: TASKS, failed: 0, invalid: 0 });
    order = await model<MirrorReport>(ZONE, "mirror", root.path, server.port);
    expect(order).toMatchObject({ tasks: TASKS, keys: TASKS + 20 + 3, differences: { count: 0 } });
    expect(await json(root, "sync --checksum")).toMatchObject({ total: TASKS, unchanged: TASKS });
  });

  it.each(["redis", "file"] as const)(
    "are listed in Python's order from %s, for everyone and every user, page by page",
    async (source) => {
      const names = order.all.map(([user, task]) => `${user}:${task}`);
      const size = TASKS / 10;
      for (const page of [1, 6, 10, 11]) {
        const list = await json(root, `list --page ${page} --page-size ${size} --source ${source}`);
        expect(list).toMatchObject({ total: TASKS, page, pageSize: size, source });
        const items = list.items as { user_id: string; task_id: string; status: string }[];
        expect(items.map(nameOf)).toEqual(names.slice((page - 1) * size, page * size));
        for (const item of items) expect(item.status).toBe(order.statuses[nameOf(item)]);
      }
      expect(await everyPage(undefined, size, source)).toEqual(names);
      for (const [userId, expected] of Object.entries(order.users)) {
        expect(await everyPage(userId, TASKS / 40, source)).toEqual(expected.map((task) => `${userId}:${task}`));
      }
    },
  );

  /** What all pages of a list give, in order; their totals are checked on the way. */
  async function everyPage(userId: string | undefined, pageSize: number, source: "redis" | "file"): Promise<string[]> {
    const filter = ofUser(userId);
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
      const filter = {
        ...NO_FILTER,
        statuses: new Set<string>(words),
        since: NOW - until * 86_400,
        until: NOW - since * 86_400,
      };
      const answers: ListResult[] = [];
      for (const source of ["redis", "file"] as const)
        answers.push(await store.list({ filter, ids: null, page: 2, pageSize: 15, source }));
      expect(answers[0]!.total).toBe(answers[1]!.total);
      expect(answers[0]!.total).toBeGreaterThan(TASKS / 100);
      expect(answers[0]!.tasks.map(({ json: text }) => text)).toEqual(answers[1]!.tasks.map(({ json: text }) => text));
      for (const { status } of answers[0]!.tasks) if (words.length > 0) expect(words).toContain(shownStatus(status));
    }
  });

  it("are shown by get with both copies the same", async () => {
    const artifacts = await openArtifacts({ output: root.at("output"), logs: root.at("Logs") });
    const parts = {
      file: writable(new FileStore(root.store, new RecordRules(new Zone(ZONE)), systemClock)),
      link: linkTo(mirror),
      artifacts,
    };
    for (const [userId, taskId] of order.all.filter((_, i) => i % (TASKS / 8) === 0)) {
      const result = await getTask(parts, { userId, taskId }, "auto");
      expect(result.file!.json).toBe(result.redis!.json);
    }
    await artifacts.close();
    const [userId, taskId] = order.all[5]!;
    const shown = await json(root, `get ${userId} ${taskId}`);
    expect(shown.file).toEqual(shown.redis);
  });

  it("are purged exactly as in Python's model of section 6, and nothing else changes", async () => {
    const judgement = await expectModelCleanup(root, server.port, ZONE);
    expect(judgement.purged).toBeGreaterThan(TASKS / 5);
    expect(judgement.skipped).toBeGreaterThan(TASKS / 400);
    expect(judgement.files).toBeGreaterThan(TASKS / 10);
    expect(await json(root, `cleanup --once --retention ${retention()}`)).toMatchObject({ purged: 0, failed: 0 });
  });
});
