import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { NO_FILTER, ofUser, SORTS, type Sort, type TaskFilter } from "../../../src/task/query-fields.ts";
import { KINDS_OF_RUN } from "../../helpers/deployments.ts";
import { first, LONG } from "../../helpers/long.ts";
import { API_MS_RULES, type Ids, RULES, record } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { type Backend, FileBackend, MirrorBackend, type Reader, removeServers, StoreBackend } from "./backends.ts";
import { modelPage } from "./model.ts";
import { FileWriter, MirrorWriter, SHAPES } from "./writers.ts";
import { keepsTheWriteContract } from "./writes.ts";

afterAll(removeServers);

const SOURCES = ["auto", "redis", "file"] as const;
const BACKENDS = [
  new FileBackend(RULES),
  new FileBackend(API_MS_RULES),
  ...KINDS_OF_RUN.flatMap((kind) => [
    new MirrorBackend(kind),
    ...first(kind === "single" || kind === "api_ms" ? 3 : 1, SOURCES).map((source) => new StoreBackend(kind, source)),
  ]),
];

const WRITERS = [
  ...[RULES, API_MS_RULES].flatMap((rules) =>
    (Object.keys(SHAPES) as (keyof typeof SHAPES)[]).map((shape) => new FileWriter(shape, rules)),
  ),
  ...KINDS_OF_RUN.map((kind) => new MirrorWriter(kind)),
];

describe.each(WRITERS)("writes to $name", keepsTheWriteContract);

const DONE: TaskFilter = { ...NO_FILTER, statuses: new Set(["done"]) };

describe.each(BACKENDS)("$name", (backend: Backend) => {
  afterAll(() => backend.close());

  async function names(reader: Reader, filter: TaskFilter, page: number, size: number, sort?: Sort) {
    const answer = await reader.page(filter, page, size, sort);
    return { total: answer.total, names: answer.tasks.map(({ userId, taskId }) => `${userId}:${taskId}`) };
  }

  /** The least time that counts, that often after a moment. */
  const least = (n: number) => `2024-01-01T00:00:0${backend.rules.layout === "plain" ? `0.00000${n}` : n}`;
  const ends = (tasks: (RecordJson & Ids)[], filter = NO_FILTER) => modelPage(tasks, filter, 1, 20, backend.rules);

  it("breaks ties by member, bytewise descending", async () => {
    // In UTF-16 the emoji (D83D) would come before the fullwidth letter (FF21); in UTF-8 it comes after.
    const ids = ["a", "B", "é", "\uff21", "🙂", "a:b", "a b"];
    const tasks = ids.map((id) => record("alice", id));
    const reader = await backend.fill(tasks);
    expect(await names(reader, NO_FILTER, 1, 20)).toEqual(ends(tasks));
    expect(await names(reader, ofUser("alice"), 1, 20)).toEqual(ends(tasks));
    expect(ends(tasks).names.slice(0, 2)).toEqual(
      backend.rules.layout === "plain" ? ["alice:🙂", "alice:Ａ"] : ["alice:a b", "alice:a:b"],
    );
  });

  it("takes since as included and until as excluded, to the least time that counts", async () => {
    const reader = await backend.fill([1, 2, 3].map((n) => record("alice", `t${n}`, { updated_at: least(n) })));
    const at = (n: number) => 1_704_067_200 + n * (backend.rules.layout === "plain" ? 0.000001 : 1);
    const filter = { ...NO_FILTER, since: at(1), until: at(3) };
    expect(await names(reader, filter, 1, 20)).toEqual({ total: 2, names: ["alice:t2", "alice:t1"] });
    expect(await names(reader, { ...filter, users: new Set(["alice"]) }, 2, 1)).toEqual({
      total: 2,
      names: ["alice:t1"],
    });
    expect(await names(reader, { ...filter, users: new Set(["bob"]) }, 1, 1)).toEqual({ total: 0, names: [] });
  });

  it("finds tasks in the requested order, with holes for missing ones", async () => {
    const reader = await backend.fill([record("alice", "t1"), record("任务", "号:1"), record("alice", "t2")]);
    const ids = [
      ["任务", "号:1"],
      ["alice", "t2"],
      ["alice", "none"],
      ["nobody", "t1"],
      ["alice", "t1"],
    ] as const;
    const found = await reader.find(ids.map(([userId, taskId]) => ({ userId, taskId })));
    expect(found.map((task) => task?.taskId)).toEqual(["号:1", "t2", undefined, undefined, "t1"]);
  });

  it("is the model on any tasks, filters, orders and pages", async () => {
    const [page, size] = [fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 7 })];
    const sort = fc.option(fc.constantFrom(...SORTS), { nil: undefined });
    await fc.assert(fc.asyncProperty(anyRecords, anyFilter, page, size, sort, check), { numRuns: LONG ? 100 : 25 });
    async function check(
      records: (RecordJson & Ids)[],
      ...[filter, page, size, sort]: [TaskFilter, number, number, Sort | undefined]
    ) {
      const reader = await backend.fill(records);
      const expected = modelPage(records, filter, page, size, backend.rules, sort);
      expect(await names(reader, filter, page, size, sort)).toEqual(expected);
    }
  });

  it("filters by the shown status, whatever word the service wrote", async () => {
    const words = ["succeeded", "SUCCESS", " done ", "failed", "running", "odd"];
    const reader = await backend.fill(words.map((status, i) => record("alice", `t${i}`, { status })));
    expect(await names(reader, DONE, 1, 2)).toEqual({ total: 3, names: ["alice:t2", "alice:t1"] });
    expect(await names(reader, DONE, 2, 2)).toEqual({ total: 3, names: ["alice:t0"] });
    const others = { ...NO_FILTER, statuses: new Set(["error", "run", "wait"]) };
    expect(await names(reader, others, 1, 20)).toEqual({ total: 2, names: ["alice:t4", "alice:t3"] });
  });
});

const MOMENTS = ["2024-01-01T00:00:00", "2024-01-01T00:00:00.5", "2024-01-01T08:00:01+08:00", "2024-01-01T00:00:02Z"];

const anyRecords = fc.uniqueArray(
  fc
    .record({
      ...{
        user: fc.constantFrom("alice", "bob", "用户", "a!"),
        task: fc.constantFrom("t1", "t2", "t:3", "🙂", "\uff21"),
      },
      ...{
        status: fc.constantFrom("queued", "running", "succeeded", "failed", "odd"),
        at: fc.constantFrom(...MOMENTS),
        created: fc.constantFrom(...MOMENTS),
        speaker: fc.constantFrom("ann", "李", null, 5),
      },
    })
    .map(({ user, task, status, at, created, speaker }) => {
      return record(user, task, { status, updated_at: at, created_at: created, speaker });
    }),
  { maxLength: 20, selector: ({ user_id, task_id }) => `${user_id}:${task_id}` },
);

const anyMoment = fc.option(fc.integer({ min: -1, max: 3 }).map((second) => 1_704_067_200 + second));

const anyFilter: fc.Arbitrary<TaskFilter> = fc.record({
  users: fc.subarray(["alice", "用户", "nobody"]).map((users) => new Set(users)),
  statuses: fc.subarray(["wait", "run", "done", "error"]).map((words) => new Set(words)),
  ...{ since: anyMoment, until: anyMoment },
  fields: fc
    .option(fc.subarray(["ann", "李", "", "5"], { minLength: 1 }))
    .map((speakers) => new Map(speakers === null ? [] : [["speaker", new Set(speakers)]])),
  search: fc.option(fc.constantFrom("t", "ali", "\uff41", "\u4e16\u754c", "nix"), { nil: undefined }),
});
