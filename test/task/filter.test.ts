import { expect, test } from "vitest";
import { NO_FILTER, passes, type TaskFilter } from "../../src/task/query-fields.ts";
import { record, taskOf } from "../helpers/records.ts";

const task = taskOf(
  record("alice", "t01", { status: "Succeeded", updated_at: 1000.5, speaker: "ann\u00e9", level: 5 }),
);
const odd = taskOf(record("alice", "t02", { status: "paused", updated_at: 1000.5 }));
const bare = taskOf(record("alice", "t03", { status: null, updated_at: 1000.5 }));

const fieldsOf = (texts: Record<string, string>) =>
  new Map(Object.entries(texts).map(([name, text]) => [name, new Set([text])]));

test.each<[string, Partial<TaskFilter>, boolean]>([
  ["nothing", {}, true],
  ["its user", { users: new Set(["alice"]) }, true],
  ["another user", { users: new Set(["alic"]) }, false],
  ["its shown status", { statuses: new Set(["done"]) }, true],
  ["another status", { statuses: new Set(["error", "wait", "run"]) }, false],
  ["since its very time", { since: 1000.5 }, true],
  ["since a microsecond later", { since: 1000.500_001 }, false],
  ["until its very time", { until: 1000.5 }, false],
  ["until a microsecond later", { until: 1000.500_001 }, true],
  ["its text of a field", { fields: new Map([["speaker", new Set(["bob", "ann\u00e9"])]]) }, true],
  ["another text of a field", { fields: new Map([["speaker", new Set(["ann"])]]) }, false],
  ["the text of a number", { fields: new Map([["level", new Set(["5"])]]) }, true],
  ["no text where a field is null or absent", { fields: fieldsOf({ error: "", other: "" }) }, true],
  ["all fields", { fields: fieldsOf({ level: "5", speaker: "ann\u00e9" }) }, true],
  ["all fields but one", { fields: fieldsOf({ level: "5", speaker: "ann" }) }, false],
  ["all but the user", { users: new Set(["bob"]), statuses: new Set(["done"]), since: 1000, until: 1001 }, false],
  ["all but the status", { users: new Set(["alice"]), statuses: new Set(["run"]), since: 1000, until: 1001 }, false],
  ["all but the time", { users: new Set(["alice"]), statuses: new Set(["done"]), since: 1000, until: 1000.5 }, false],
])("whether a task passes a filter by %s", (_, part, expected) => {
  expect(passes(task, { ...NO_FILTER, ...part })).toBe(expected);
});

test.each([odd, bare])("a word outside the table, or none, passes only other", (one) => {
  for (const status of ["done", "wait", "run", "error", "other"]) {
    expect([status, passes(one, { ...NO_FILTER, statuses: new Set([status]) })]).toEqual([status, status === "other"]);
  }
  expect(passes(one, NO_FILTER)).toBe(true);
});
