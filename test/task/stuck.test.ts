import fc from "fast-check";
import { expect, it, test } from "vitest";
import { formatAge } from "../../src/task/amounts.ts";
import { isStuck, StuckTasks } from "../../src/task/stuck.ts";

const RULE = { now: 1000, after: 100 };

test.each([0, -1])("with %d no task is stuck", (after) => {
  expect(isStuck("run", 0, { now: 1000, after })).toBe(false);
});

it("StuckTasks counts all and names the ten that wait longest, the oldest first", () => {
  const any = fc.array(fc.tuple(fc.constantFrom("wait", "run", "done"), fc.integer({ min: 880, max: 920 })), {
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

test("ages for people", () => {
  expect([-5, 59.9, 60, 7199, 86_400 * 400].map(formatAge)).toEqual(["0s", "59s", "1m", "1h", "400d"]);
});
