import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Census, takeCensus } from "../../../src/operations/purge/census.ts";
import { fileCopy, mirrorCopy, sameCopy } from "../../../src/operations/purge/copies.ts";
import { isAhead } from "../../../src/operations/purge/decide.ts";
import { limitsOf, planTasks } from "../../../src/operations/purge/policy.ts";
import { type Ending, Endings } from "../../../src/operations/purge/purge-file.ts";
import { chosenRows, survey } from "../../../src/operations/purge/survey.ts";
import { useFolder } from "../../helpers/files.ts";
import "../../helpers/python.ts";
import { withSnapshot } from "../../store/file/read-store.ts";
import {
  DAY,
  done,
  lookedAt,
  NOW,
  names,
  type PaperTask,
  POLICY,
  paperMirror,
  READING,
  redisCopyOf,
  task,
  withFile,
} from "./paper.ts";

const path = useFolder();
const store = () => path("s.json");
const limits = limitsOf(POLICY, NOW);

const anyEnding: fc.Arbitrary<Ending> = fc.record({
  userId: fc.constantFrom("a", "用户"),
  taskId: fc.oneof(
    fc.nat(400).map((i) => `t${i}`),
    fc.string(),
  ),
  file: fc.record({
    status: fc.constantFrom("other", "wait", "run", "done", "error"),
    score: fc.oneof(fc.double(), fc.constant(Number.NaN)),
  }),
  reason: fc.constantFrom("expired", "max-bytes", "dangling", "deleted"),
  redis: fc.boolean(),
  files: fc.nat(2 ** 31 - 1),
  bytes: fc.maxSafeNat(),
});

it("the outcomes of a pass are read back unchanged, however many, for tasks in the file or not", async () => {
  const inFile = Array.from({ length: 300 }, (_, i) => task("a", `t${i}`, { file: done(i) }));
  await withFile(store(), inFile, (snapshot) => {
    fc.assert(
      fc.property(fc.array(anyEnding, { minLength: 255, maxLength: 700, size: "max" }), (all) => {
        const endings = new Endings(snapshot);
        for (const [i, ending] of all.entries()) {
          endings.add(ending, ending.file);
          expect(endings.size).toBe(i + 1);
        }
        expect(all.map((_, i) => endings.at(i))).toEqual(all);
      }),
      { numRuns: 10 },
    );
  });
});

it("a census reads only the copies of Redis whose time differs from the file's", async () => {
  const tasks = [
    task("a", "same", { file: done(DAY), redis: done(DAY) }),
    task("a", "newer", { file: done(DAY), redis: { status: "run", score: NOW } }),
    task("a", "unread", { file: done(DAY), redis: "unread" }),
    task("a", "dangling", { redis: "dangling" }),
    task("a", "member", { file: done(DAY), redis: "dangling" }),
    task("a", "file", { file: done(9 * DAY) }),
    task("a", "bad", { file: "invalid", redis: done(DAY) }),
    task("a", "left", { file: done(2 * DAY), redis: "left" }),
    ...Array.from({ length: 12 }, (_, i) => task("b", `r${i}`, { redis: done(i) })),
  ];
  const { mirror, seen } = paperMirror(tasks);
  await withFile(store(), tasks, async (snapshot) => {
    const census = await takeCensus(snapshot, mirror, limits);
    const redis = tasks.slice(8).map(({ taskId }) => `b:${taskId}`);
    expect(seen).toEqual(["a:newer", "a:unread", "a:dangling", "a:member", "a:bad", "a:left", ...redis]);
    const of = ({ userId, taskId }: PaperTask) => {
      const i = census.indexOf({ userId, taskId });
      return i < 0
        ? null
        : [census.id(i).userId, census.id(i).taskId, census.isTask(i), census.isFinished(i), census.time(i)];
    };
    const [same, newer, unread, dangling, member, file, bad, left] = tasks.map(of);
    expect(same).toEqual(["a", "same", true, true, NOW - DAY]);
    expect(newer).toEqual(["a", "newer", true, false, NOW]);
    expect(unread).toMatchObject(["a", "unread", true, false, expect.anything()]);
    expect(dangling).toBeNull();
    expect(member).toEqual(["a", "member", true, true, NOW - DAY]);
    expect(file).toEqual(["a", "file", true, true, NOW - 9 * DAY]);
    expect(bad).toMatchObject(["a", "bad", true, false, 0]);
    expect(left).toEqual(["a", "left", true, true, NOW - 2 * DAY]);
    expect(of(tasks[10]!)).toEqual(["b", "r2", true, true, NOW - 2]);
    expect(census.size).toBe(19);
    const order = [...census.finished()].map((i) => census.id(i).taskId);
    expect(order).toEqual([...tasks.slice(8).map(({ taskId }) => taskId), "same", "member", "left", "file"]);
  });
});

it("a census without Redis has the file's tasks; of tombstones and invalid records none is finished", async () => {
  const lines = [
    '{"user_id":"a","task_id":"gone","status":"done","updated_at":1}',
    '{"user_id":"a","task_id":"gone","deleted":true}',
    '{"user_id":"a","task_id":"bad","status":"done","updated_at":null}',
    '{"user_id":"b","task_id":"t","status":"done","updated_at":1}',
    '{"user_id":"用","task_id":"t","status":"error","updated_at":1}',
  ];
  writeFileSync(store(), lines.map((line) => `${line}\n`).join(""));
  await withSnapshot(store(), async (snapshot) => {
    const census = await takeCensus(snapshot, null, limits);
    const at = (userId: string, taskId: string) => census.indexOf({ userId, taskId });
    expect(["gone", "bad"].map((id) => [census.isTask(at("a", id)), census.isFinished(at("a", id))])).toEqual([
      [false, false],
      [true, false],
    ]);
    expect(at("nobody", "t")).toBe(-1);
    expect(fileCopy(snapshot, { userId: "a", taskId: "gone" })).toBeNull();
    // At one time the members decide, bytewise descending; Redis-only tasks are sorted among them.
    census.note({ userId: "m", taskId: "t" }, { status: "done", score: 1 });
    census.note({ userId: "\u{10ffff}", taskId: "t" }, { status: "done", score: 1 });
    census.note({ userId: "x", taskId: "t" }, null);
    expect([...census.finished()].map((i) => census.id(i).userId)).toEqual(["\u{10ffff}", "用", "m", "b"]);
    expect([census.isTask(at("x", "t")), census.isFinished(at("x", "t"))]).toEqual([true, false]);
    expect(census.hasAt({ userId: "b", taskId: "t" }, 1)).toBe(true);
    expect(census.hasAt({ userId: "b", taskId: "t" }, 2)).toBe(false);
    expect(census.hasAt({ userId: "m", taskId: "t" }, 1)).toBe(false);
    expect(planTasks(census.finished(), census, null, { ...POLICY, maxBytes: 1 }).bytes).toBe(0);
    expect(new Set(Array.from(census.finished(), (i) => census.user(i))).size).toBe(4);
  });
});

it("tasks of one time are sorted by their members, whichever store has them", async () => {
  const names = fc.uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "é", "🙂"), minLength: 1, maxLength: 3 }));
  await fc.assert(
    fc.asyncProperty(names, names, async (inFile, inRedis) => {
      const tasks = inFile.map((taskId) => task("u", taskId, { file: done(1) }));
      await withFile(store(), tasks, (snapshot) => {
        const census = new Census(snapshot, limits);
        for (const taskId of inRedis) census.note({ userId: "u", taskId }, done(1));
        const order = [...census.finished()].map((i) => census.id(i).taskId);
        const all = [...new Set([...inFile, ...inRedis])];
        expect(order).toEqual(all.sort((a, b) => Buffer.compare(Buffer.from(b), Buffer.from(a))));
      });
    }),
    { numRuns: 40 },
  );
});

it("all Redis-only tasks are counted, however many", async () => {
  await withFile(store(), [task("a", "t", { file: done(1) })], (snapshot) => {
    const census = new Census(snapshot, limits);
    for (let i = 0; i < 50; i++) census.note({ userId: "r", taskId: `t${i}` }, done(100 + i));
    expect(census.size).toBe(51);
    expect([...census.finished()].map((i) => census.time(i))).toEqual([
      NOW - 1,
      ...Array.from({ length: 50 }, (_, i) => NOW - 100 - i),
    ]);
  });
});

it("a survey names Redis-only tasks, and those chosen for their member only", async () => {
  const tasks = [
    task("a", "young", { file: done(1), redis: done(1) }),
    task("a", "row", { file: done(8 * DAY), redis: done(8 * DAY) }),
    task("a", "member", { file: done(1), redis: done(8 * DAY) }),
    task("a", "file", { file: done(8 * DAY) }),
    task("a", "old", { redis: done(8 * DAY) }),
    task("a", "new", { redis: done(1) }),
    task("a", "bad", { file: "invalid", redis: done(8 * DAY) }),
  ];
  await withFile(store(), tasks, async (snapshot) => {
    const rows = chosenRows(
      snapshot,
      (row, copy) => snapshot.idOf(row).taskId !== "young" && copy.score < NOW - 7 * DAY,
    );
    expect(rows).toEqual([1, 3]);
    const asked: [string, boolean][] = [];
    const found = await survey(snapshot, rows, paperMirror(tasks).mirror, ({ taskId, score }, inFile) => {
      asked.push([taskId, inFile]);
      return score < NOW - 7 * DAY;
    });
    expect(asked).toEqual([
      ...[
        ["young", true],
        ["member", true],
        ["old", false],
        ["new", false],
        ["bad", true],
      ],
    ]);
    expect(names(found.others.ids())).toEqual(["a:member", "a:old", "a:bad"]);
    const onlyInRedis = await survey(snapshot, [], paperMirror(tasks).mirror, (_, inFile) => !inFile);
    expect(names(onlyInRedis.others.ids())).toEqual(["a:old", "a:new"]);
    expect([found.rows, found.members]).toEqual([rows, 6]);
    const alone = await survey(snapshot, rows, null, () => true);
    expect([alone.rows, alone.members, alone.others.size]).toEqual([rows, 0, 0]);
  });
});

it("the copies of both stores are distinguished from each other and from missing ones", async () => {
  const tasks = [
    task("a", "t", { file: { status: "run", score: 7 } }),
    task("a", "odd", { file: { status: "other", score: 8 } }),
    task("a", "bad", { file: "invalid" }),
  ];
  await withFile(store(), tasks, (snapshot) => {
    const copies = ["t", "odd", "bad", "none"].map((taskId) => fileCopy(snapshot, { userId: "a", taskId }));
    expect(copies).toEqual([{ status: "run", score: 7 }, { status: "other", score: 8 }, "invalid", null]);
  });
  const inRedis = (redis: PaperTask["redis"]) =>
    mirrorCopy(redisCopyOf(task("a", "t", { redis: redis ?? null })), READING);
  expect(inRedis(done(5))).toEqual(done(5));
  expect(inRedis({ status: "other", score: NOW })).toEqual({ status: "other", score: NOW });
  expect(inRedis("dangling")).toBe("dangling");
  expect(inRedis(null)).toBeNull();
});

it("a file copy is the same if status and time are", () => {
  const all = [null, "invalid" as const, done(1), done(2), { ...done(1), status: "error" }];
  for (const a of all) for (const b of all) expect(sameCopy(a, b)).toBe(a === b);
  expect(sameCopy(done(1), done(1))).toBe(true);
});

it("Redis is ahead of the file if both have a task and its copy is newer", () => {
  const ahead = (file: PaperTask["file"], redis: PaperTask["redis"]) =>
    isAhead(lookedAt(task("a", "t", { file: file ?? null, redis: redis ?? null })));
  expect(ahead(done(2), done(1))).toBe(true);
  expect(ahead(done(1), done(1))).toBe(false);
  expect(ahead(done(1), done(2))).toBe(false);
  for (const [file, redis] of [
    [null, done(1)],
    ["invalid", done(1)],
    [done(1), null],
    [done(1), "dangling"],
  ] as const) {
    expect(ahead(file, redis)).toBe(false);
  }
});
