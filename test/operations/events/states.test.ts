import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type TaskChange, TaskStates } from "../../../src/operations/events/states.ts";
import { CollectedColumns } from "../../../src/operations/stats/columns.ts";
import { STATUS_CODES, statusCode } from "../../../src/store/file/rows.ts";

type Tasks = Record<string, readonly [status: string, score: number]>;

function columnsOf(tasks: Tasks): CollectedColumns {
  const columns = new CollectedColumns();
  for (const [taskId, [status, score]] of Object.entries(tasks))
    columns.add("alice", taskId, statusCode(status), score);
  return columns;
}

const short = ({ event, taskId, from, status }: TaskChange) => `${event} ${taskId} ${from ?? "-"} ${status ?? "-"}`;

/** The changes between readings of the same store, each as a text. */
function follow(...readings: Tasks[]): string[][] {
  const states = new TaskStates();
  return readings.map((tasks, i) => [...states.compare(columnsOf(tasks), i === 0 ? "first" : "same")].map(short));
}

describe("the changes between two readings", () => {
  it("are tasks that came, changed and went, but not those of the first", () => {
    const before: Tasks = { a: ["queued", 1], b: ["running", 2], c: ["done", 3], d: ["odd", 4] };
    const after: Tasks = { a: ["queued", 1], b: ["failed", 5], d: ["odd", 6], e: ["queued", 7] };
    expect(follow(before, after, after, before)).toEqual([
      [],
      ["changed b run error", "changed d other other", "created e - wait", "removed c done -"],
      [],
      ["changed b error run", "created c - done", "changed d other other", "removed e wait -"],
    ]);
  });

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
        for (const states of [byReading, oneByOne]) expect([...states.compare(columnsOf(before), "first")]).toEqual([]);
        const changes = [...byReading.compare(columnsOf(after), "same")];
        const ids = [...new Set([...Object.keys(before), ...Object.keys(after)])];
        const single = ids.map((taskId) => {
          const now = after[taskId];
          const state = now === undefined ? null : { status: statusCode(now[0]), score: now[1] };
          return oneByOne.update({ userId: "alice", taskId }, state);
        });
        const sorted = (some: readonly TaskChange[]) => some.map((change) => JSON.stringify(change)).toSorted();
        expect(sorted(single.filter((change) => change !== null))).toEqual(sorted(changes));
        expect([...oneByOne.compare(columnsOf(after), "same")]).toEqual([]);
        expect(oneByOne.size).toBe(Object.keys(after).length);
      }),
    );
  });
});

describe("a switch to the other store", () => {
  it("brings only what is newer than anything seen before, there and back", () => {
    const states = new TaskStates();
    const redis: Tasks = { same: ["queued", 1], ahead: ["done", 9], only: ["done", 2], late: ["queued", 3] };
    const file: Tasks = {
      same: ["queued", 1],
      ahead: ["running", 4],
      old: ["done", 5],
      late: ["running", 10],
      new: ["queued", 11],
    };
    expect([...states.compare(columnsOf(redis), "first")]).toEqual([]);
    expect([...states.compare(columnsOf(file), "switched")].map(short)).toEqual([
      "changed late wait run",
      "created new - wait",
    ]);
    expect([...states.compare(columnsOf(file), "same")]).toEqual([]);
    const back: Tasks = { ...redis, late: ["done", 12], new: ["queued", 11] };
    expect([...states.compare(columnsOf(back), "switched")].map(short)).toEqual(["changed late run done"]);
    expect([...states.compare(columnsOf(back), "same")]).toEqual([]);
  });
});

it("forgets the ids of removed tasks, and finds those that a reading lacks", () => {
  const states = new TaskStates();
  const many = (from: number) =>
    Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`t${from + i}`, ["done", i] as const]));
  for (const _ of states.compare(columnsOf(many(0)), "first")) throw new Error("nothing is news");
  for (let round = 1; round <= 5; round++) {
    const changes = [...states.compare(columnsOf(many(round * 2000)), "same")];
    expect(changes.filter(({ event }) => event === "created")).toHaveLength(2000);
    expect(changes.filter(({ event }) => event === "removed")).toHaveLength(2000);
    expect(states.size).toBe(2000);
  }
  const lacking = columnsOf(many(10_001));
  expect([...states.missingIn(lacking)]).toEqual([{ userId: "alice", taskId: "t10000" }]);
});
