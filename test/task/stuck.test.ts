import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { formatAge } from "../../src/task/amounts.ts";
import { describeStuck, isStuck, StuckTasks } from "../../src/task/stuck.ts";

const RULE = { now: 1000, after: 100 };

test.each([
  ["run", 899, true],
  ["wait", 899.9, true],
  ["run", 900, false], // exactly as long as is allowed
  ["run", 2000, false],
  ["done", 0, false],
  ["error", 0, false],
  ["other", 0, false],
])("%s at %d: %s", (status, score, stuck) => {
  expect(isStuck(status, score, RULE)).toBe(stuck);
});

test.each([0, -1])("with %d no task is stuck", (after) => {
  expect(isStuck("run", 0, { now: 1000, after })).toBe(false);
});

describe("StuckTasks", () => {
  it("counts all and names the ten that wait longest, the oldest first", () => {
    const any = fc.array(fc.tuple(fc.constantFrom("wait", "run", "done"), fc.integer({ min: 0, max: 1000 })), {
      maxLength: 40,
      size: "max",
    });
    fc.assert(
      fc.property(any, (tasks) => {
        const stuck = new StuckTasks(RULE);
        tasks.forEach(([status, score], i) => {
          stuck.look(status, score, () => ({ userId: "u", taskId: `t${i}` }));
        });
        const all = tasks.filter(([status, score]) => status !== "done" && score < 900);
        const scores = all.map(([, score]) => score).sort((a, b) => a - b);
        expect(stuck.count).toBe(all.length);
        expect(stuck.named.map(({ score }) => score)).toEqual(scores.slice(0, 10));
        for (const { taskId, score, status } of stuck.named) {
          expect(tasks[Number(taskId.slice(1))]).toEqual([status, score]);
        }
      }),
    );
  });

  it("asks for the ids of no younger ones than it names, and of some as old names the first by their ids", () => {
    const asked: number[] = [];
    const stuck = new StuckTasks(RULE);
    for (const i of [5, 3, 8, 1, 9, 0, 7, 2, 6, 4, 20, 13]) {
      stuck.look(i === 0 ? "wait" : "run", i === 13 ? 0 : i === 20 ? 6 : 5, () => {
        asked.push(i);
        return { userId: "u", taskId: `t${i}` };
      });
    }
    expect(asked).toEqual([5, 3, 8, 1, 9, 0, 7, 2, 6, 4, 13]);
    expect(stuck.named.map(({ taskId }) => taskId)).toEqual([
      "t13",
      "t0",
      "t1",
      "t2",
      "t3",
      "t4",
      "t5",
      "t6",
      "t7",
      "t8",
    ]);
    expect(stuck.count).toBe(12);
  });

  it("is reported in one line", () => {
    const stuck = new StuckTasks({ now: 1_000_000, after: 100 });
    expect(describeStuck(stuck)).toBeNull();
    for (let i = 0; i < 12; i++) stuck.look("run", i * 1000, () => ({ userId: "alice", taskId: `t${i}` }));
    expect(describeStuck(stuck)).toBe(
      "12 tasks are stuck, the oldest alice:t0 (run for 11d); if no worker has them: ttsctl mark --stuck --to error",
    );
    const one = new StuckTasks({ now: 1_000_000, after: 100 });
    one.look("wait", 400_000, () => ({ userId: "alice", taskId: "t" }));
    expect(describeStuck(one)).toMatch(
      /^1 task is stuck: alice:t \(wait for 6d\); if no worker has it: ttsctl mark --stuck --to error$/,
    );
  });
});

test.each([
  [-5, "0s"],
  [59.9, "59s"],
  [60, "1m"],
  [7199, "1h"],
  [86_400 * 400, "400d"],
])("%d s ago: %s", (seconds, text) => {
  expect(formatAge(seconds)).toBe(text);
});
