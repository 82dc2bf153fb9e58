import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Copy } from "../../../src/operations/purge/copies.ts";
import { decideCleanup } from "../../../src/operations/purge/decide.ts";
import { isExpired, limitsOf, type RetentionPolicy } from "../../../src/operations/purge/policy.ts";
import { useFolder } from "../../helpers/files.ts";
import "../../helpers/python.ts";
import { DAY, done, lookedAt, NOW, names, type PaperTask, task, withPlan } from "./paper.ts";

const path = useFolder();
const store = () => path("s.json");

/** What the rules say of many tasks, worked out from what SPEC section 6 and the README say of them. */
function model(tasks: readonly PaperTask[], policy: RetentionPolicy) {
  const limits = limitsOf(policy, NOW);
  const limit = ({ status }: Copy) => (status === "done" ? limits.done : limits.error);
  const ranked = tasks.flatMap((task) => {
    if (task.file === "invalid") return [];
    const found = [task.file, task.redis].filter((copy): copy is Copy => typeof copy === "object" && copy !== null);
    // Redis's copy is taken for the file's where its index has the same time.
    const copies = found[0]?.score === found[1]?.score ? found.slice(0, 1) : found;
    if (task.redis === "unread" || copies.length === 0) return [];
    if (copies.some(({ status, score }) => !["done", "error"].includes(status) || Number.isNaN(score))) return [];
    return [
      {
        task,
        time: Math.max(...copies.map(({ score }) => score)),
        expired: copies.every((copy) => copy.score <= limit(copy)),
        may: copies.every((copy) => limit(copy) !== Number.NEGATIVE_INFINITY && copy.score <= NOW),
      },
    ];
  });
  const member = ({ userId, taskId }: PaperTask) => Buffer.from(`${userId}:${taskId}`);
  ranked.sort((a, b) => b.time - a.time || Buffer.compare(member(b.task), member(a.task)));
  const rows = ranked.map((row, i) => {
    const newer = ranked.slice(0, i).filter((other) => other.task.userId === row.task.userId).length;
    return { ...row, newer, kept: newer < policy.keepLast, forSpace: Number.NEGATIVE_INFINITY };
  });
  let left = rows.filter(({ expired, kept }) => !expired || kept).reduce((sum, row) => sum + (row.task.bytes ?? 0), 0);
  for (const row of [...rows].reverse()) {
    if (policy.maxBytes === 0 || left <= policy.maxBytes) break;
    if (row.kept || row.expired || !row.may || !row.task.bytes) continue;
    row.forSpace = row.time;
    left -= row.task.bytes;
  }
  return { limits, byTask: new Map(rows.map((row) => [row.task, row])), left };
}

const anyCopy: fc.Arbitrary<Copy> = fc.record({
  status: fc.constantFrom("done", "done", "done", "error", "error", "run", "wait", "other"),
  score: fc.constantFrom(-1, 0, 1, 3, 6, 7, 8, 20, 40).map((days) => NOW - days * DAY),
});
const anyTask = fc.record({
  ...{ userId: fc.constantFrom("a", "b", "用户") },
  file: fc.oneof({ weight: 5, arbitrary: anyCopy }, fc.constantFrom("invalid" as const, null)),
  redis: fc.oneof(
    { weight: 3, arbitrary: anyCopy },
    fc.constantFrom("dangling" as const, "unread" as const, null, { status: "done", score: Number.NaN }),
  ),
  same: fc.boolean(),
  bytes: fc.constantFrom(0, 100, 100, 250),
});
const anyTasks = fc.array(anyTask, { maxLength: 30 }).map((all) =>
  all.map(({ same, ...task }, i): PaperTask => {
    const redis = same && typeof task.file === "object" ? task.file : task.redis;
    return { ...task, taskId: `t${i % 26}${i > 25 ? "x" : ""}`, redis };
  }),
);
const anyPolicy = fc.record({
  retention: fc.constantFrom(2 * DAY, 7 * DAY),
  retentionDone: fc.constantFrom(null, null, 0, 10 * DAY),
  retentionError: fc.constantFrom(null, null, -1, DAY),
  keepLast: fc.constantFrom(0, 1, 2),
  maxBytes: fc.constantFrom(0, 1, 300, 1000),
});

describe("the plan of a pass", () => {
  it("ranks the tasks of both stores, keeps the newest, makes room with the oldest, and surveys the purgeable ones", async () => {
    await fc.assert(
      fc.asyncProperty(anyTasks, anyPolicy, async (tasks, policy) => {
        const { limits, byTask, left } = model(tasks, policy);
        await withPlan(store(), tasks, policy, async ({ plan, snapshot, mirror }) => {
          const ranks = policy.keepLast > 0 || policy.maxBytes > 0;
          if (policy.maxBytes > 0) expect(plan.totals!.leftBytes).toBe(left);
          for (const task of tasks) {
            const row = ranks ? byTask.get(task) : undefined;
            const standing = { kept: row?.kept ?? false, forSpace: row?.forSpace ?? Number.NEGATIVE_INFINITY };
            expect([task, plan.standing(task)]).toEqual([task, standing]);
            expect(plan.newerOfUser(task)).toBe(row?.newer ?? -1);
            const looked = lookedAt(task);
            const dangles = looked.copies.file === null && looked.copies.mirror === "dangling";
            const young = dangles && Number(looked.redis!.indexScore) > limits.member;
            const decided = young ? "keep" : decideCleanup(looked.copies, limits, standing).kind;
            expect(plan.decide(looked).kind).toBe(decided);
          }
          const found = await plan.survey(mirror);
          const rows = found.rows.map((row) => snapshot.rows.key(row));
          const chosen = new Set([
            ...names(
              rows.map((key) => ({ userId: snapshot.rows.keys.userId(key), taskId: snapshot.rows.keys.taskId(key) })),
            ),
            ...names(found.others.ids()),
          ]);
          const isChosen = ({ file, ...id }: PaperTask) =>
            typeof file === "object" &&
            file !== null &&
            (isExpired(file, limits) || plan.standing(id).forSpace !== Number.NEGATIVE_INFINITY);
          expect(found.rows.length).toBe(tasks.filter(isChosen).length);
          // Whatever the second look would purge is looked at.
          for (const task of tasks) {
            const inSight =
              typeof task.file === "object" && task.file !== null ? true : lookedAt(task).redis!.indexScore !== null;
            if (inSight && plan.decide(lookedAt(task)).kind === "purge") expect(chosen).toContain(names([task])[0]);
          }
          expect(chosen.size).toBe(found.rows.length + found.others.size);
        });
      }),
      { numRuns: 60 },
    );
  });

  it("reads only its own tasks if neither keep_last nor max_bytes is set", async () => {
    await withPlan(store(), [task("a", "t", { file: done(9 * DAY) })], {}, ({ plan }) => {
      expect(plan.totals).toBeNull();
      expect(plan.standing({ userId: "a", taskId: "t" })).toEqual({ kept: false, forSpace: Number.NEGATIVE_INFINITY });
      expect(plan.newerOfUser({ userId: "a", taskId: "t" })).toBe(-1);
    });
    await withPlan(store(), [], { keepLast: 1 }, ({ plan }) => expect(plan.totals).toMatchObject({ bytes: 0 }));
    const big = task("a", "t", { file: done(DAY), bytes: 5 });
    await withPlan(store(), [big], { keepLast: 1 }, ({ plan }) => expect(plan.totals!.bytes).toBe(0));
    await withPlan(store(), [], { maxBytes: 1 }, ({ plan }) => expect(plan.totals).toMatchObject({ bytes: 0 }));
  });

  it("ignores a task that appeared after the census", async () => {
    await withPlan(store(), [task("a", "t", { file: done(DAY) })], { keepLast: 1 }, ({ plan }) => {
      expect(plan.standing({ userId: "a", taskId: "new" })).toEqual({
        kept: false,
        forSpace: Number.NEGATIVE_INFINITY,
      });
      expect(plan.newerOfUser({ userId: "a", taskId: "new" })).toBe(-1);
      expect(plan.standing({ userId: "a", taskId: "t" }).kept).toBe(true);
    });
  });

  it("purges a dangling member whose score is at the limit, but no younger one, nor one without a score", async () => {
    await withPlan(store(), [], {}, ({ plan }) => {
      const decide = (indexScore: number | null) =>
        plan.decide(lookedAt(task("a", "t", { redis: "dangling", indexScore }))).kind;
      expect(decide(NOW - 7 * DAY)).toBe("purge");
      expect(decide(NOW - 7 * DAY + 1)).toBe("keep");
      expect(decide(Number.NaN)).toBe("keep");
      const invalid = lookedAt(task("a", "t", { file: "invalid", redis: "dangling", indexScore: NOW }));
      expect(plan.decide(invalid)).toMatchObject({ kind: "keep", candidate: true });
      const redisAlone = task("a", "t", { redis: done(8 * DAY), indexScore: NOW });
      expect(plan.decide(lookedAt(redisAlone))).toEqual({ kind: "purge", reason: "expired" });
      const young = plan.decide(lookedAt(task("a", "t", { redis: "dangling", indexScore: NOW })));
      expect(young).toMatchObject({ kind: "keep", candidate: false, reason: expect.stringContaining("not expired") });
    });
  });

  it("chooses a member of the index at or before the latest of its limits, or that makes room", async () => {
    const big = task("a", "big", { file: done(DAY), redis: done(DAY), bytes: 500 });
    await withPlan(store(), [big], { retentionError: 2 * DAY, maxBytes: 10 }, ({ plan }) => {
      const other = { userId: "a", taskId: "other" };
      expect(plan.isMemberChosen(other, NOW - 2 * DAY)).toBe(true);
      expect(plan.isMemberChosen(other, NOW - 2 * DAY + 1)).toBe(false);
      expect(plan.isMemberChosen(other, Number.NaN)).toBe(false);
      expect(plan.isMemberChosen(big, NOW - DAY)).toBe(true);
    });
    await withPlan(store(), [big], { keepLast: 1 }, ({ plan }) => expect(plan.isMemberChosen(big, NOW)).toBe(false));
  });

  it("sweeps empty directories older than the retention, and those of younger purged tasks, but none of the last hour", async () => {
    const sweepBefore = (tasks: PaperTask[], policy: Partial<RetentionPolicy>) =>
      withPlan(store(), tasks, policy, ({ plan }) => plan.sweepBefore);
    const big = (age: number) => task("a", `t${age}`, { file: done(age), bytes: 500 });
    expect(await sweepBefore([], {})).toBe(NOW - 7 * DAY);
    expect(await sweepBefore([], { retention: 60 })).toBe(NOW - 60);
    expect(await sweepBefore([], { retentionError: DAY })).toBe(NOW - DAY);
    expect(await sweepBefore([], { retentionError: 60 })).toBe(NOW - 3600);
    expect(await sweepBefore([], { retentionDone: 9 * DAY })).toBe(NOW - 7 * DAY);
    expect(await sweepBefore([big(DAY), big(2 * DAY)], { maxBytes: 10 })).toBe(NOW - DAY);
    expect(await sweepBefore([big(DAY), big(2 * DAY)], { maxBytes: 500 })).toBe(NOW - 2 * DAY);
    expect(await sweepBefore([big(DAY), big(2 * DAY)], { maxBytes: 5000 })).toBe(NOW - 7 * DAY);
    expect(await sweepBefore([big(5)], { maxBytes: 10 })).toBe(NOW - 3600);
  });
});
