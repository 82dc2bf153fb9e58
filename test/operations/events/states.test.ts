import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type TaskChange, TaskStates } from "../../../src/operations/events/states.ts";
import { TaskList } from "../../../src/operations/stats/task-list.ts";
import { STATUS_CODES, statusCode } from "../../../src/store/file/rows.ts";

type Tasks = Record<string, readonly [status: string, score: number]>;

function listOf(tasks: Tasks): TaskList {
  const list = new TaskList();
  for (const [taskId, [status, score]] of Object.entries(tasks)) list.add("alice", taskId, statusCode(status), score);
  return list;
}

const short = ({ event, taskId, from, status }: TaskChange) => `${event} ${taskId} ${from ?? "-"} ${status ?? "-"}`;

/** The changes between readings of the same store, each as a text. */
function follow(...readings: Tasks[]): string[][] {
  const states = new TaskStates();
  return readings.map((tasks, i) => [...states.compare(listOf(tasks), i === 0 ? "first" : "same")].map(short));
}

describe("the changes between two readings", () => {
  const task = fc.tuple(fc.constantFrom(...STATUS_CODES), fc.integer({ min: 0, max: 3 }));
  const store = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "__proto__x"), task);

  it("are what a simple comparison finds, in any number of readings", () => {
    fc.assert(
      fc.property(fc.array(store, { minLength: 1, maxLength: 8 }), (stores) => {
        const [, ...found] = follow(...(stores as Tasks[]));
        found.forEach((lines, i) => {
          const [before, after] = [stores[i]!, stores[i + 1]!];
          const wanted = [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((id) => {
            const [was, now] = [before[id], after[id]];
            if (was === undefined) return [`created ${id} - ${now![0]}`];
            if (now === undefined) return [`removed ${id} ${was[0]} -`];
            return was[0] === now[0] && was[1] === now[1] ? [] : [`changed ${id} ${was[0]} ${now[0]}`];
          });
          expect(lines.toSorted()).toEqual(wanted.toSorted());
        });
      }),
    );
  });

  it("are the same one by one", () => {
    fc.assert(
      fc.property(store, store, (before, after) => {
        const [byReading, oneByOne] = [new TaskStates(), new TaskStates()];
        for (const states of [byReading, oneByOne]) expect([...states.compare(listOf(before), "first")]).toEqual([]);
        const changes = [...byReading.compare(listOf(after), "same")];
        const ids = [...new Set([...Object.keys(before), ...Object.keys(after)])];
        const single = ids.map((taskId) => {
          const now = after[taskId];
          const state = now === undefined ? null : { status: statusCode(now[0]), score: now[1] };
          return oneByOne.update({ userId: "alice", taskId }, state);
        });
        const sorted = (some: readonly TaskChange[]) => some.map((change) => JSON.stringify(change)).toSorted();
        expect(sorted(single.filter((change) => change !== null))).toEqual(sorted(changes));
        expect([...oneByOne.compare(listOf(after), "same")]).toEqual([]);
      }),
    );
  });
});
