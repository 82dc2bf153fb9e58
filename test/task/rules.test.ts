import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { idProblem, keyOf } from "../../src/task/ids.ts";
import { fileNameOf } from "../../src/task/rules.ts";
import { isInvalid, RecordParser } from "../../src/task/task.ts";
import { API_MS_RULES, RULES } from "../helpers/records.ts";
import "../helpers/python.ts";

const anyId = fc.string({ unit: fc.constantFrom(..."ab:0 1%张"), minLength: 1, maxLength: 4 });

describe("in the layout api_ms", () => {
  const parser = new RecordParser(API_MS_RULES);
  const scoreOf = (updated: unknown) => {
    const task = parser.parse(JSON.stringify({ user_id: "u", task_id: "t", updated_at: updated }));
    return isInvalid(task) ? task.reason : task.score;
  };

  it.each([
    [1_600_000_000, 1_600_000_000],
    [1_600_000_000.999, 1_600_000_000],
    [-1.5, -1], // as Python's int()
    ["2020-01-01T00:00:05.999999", 1_577_836_805],
    ["2020-01-01T08:00:05.5+08:00", 1_577_836_805],
  ])("%j counts as %i", (updated, score) => {
    expect(scoreOf(updated)).toBe(score);
  });

  it("takes no number for a time that is a text in a record, but in a hash", () => {
    expect(scoreOf("1600000000")).toBe("updated_at is not an ISO 8601 time");
    const { times } = parser;
    expect(
      ["1600000000", "1600000000.7", "2020-01-01T00:00:05.7", "soon", ""].map((text) => times.ofHash(text)),
    ).toEqual([...[1_600_000_000, 1_600_000_000, 1_577_836_805, Number.NaN, Number.NaN]]);
    times.ofHash("1600000000");
    expect(times.naive).toBe(false);
  });

  it("lets user ids hold a colon", () => {
    expect(idProblem("user_id", "a:b", API_MS_RULES)).toBeUndefined();
    expect(idProblem("user_id", "a\ud800", API_MS_RULES)).toMatch(/surrogate/);
  });
});

it("takes no epoch seconds for the time of a hash in the plain layout", () => {
  expect(new RecordParser(RULES).times.ofHash("1600000000")).toBeNaN();
});

test.each([
  ["a b", "a_b"],
  ["a:b", "a_b"],
  ["..", "__"],
  ["a/b", "a_b"],
  ["🙂", "_"],
  ["e\u0301", "e_"],
  ["张三-x_9", "__-x_9"],
  ["", "anonymous"],
])("%j is called so or %j on the disk, and that is called so too", (id, name) => {
  expect([fileNameOf(id), API_MS_RULES.namesOf(id), RULES.namesOf(id)]).toEqual([name, [...new Set([id, name])], [id]]);
  expect([fileNameOf(name), API_MS_RULES.namesOf(name)]).toEqual([name, [name]]);
  const folders = [
    { userId: id, taskId: "t 1" },
    { userId: name, taskId: "t_1" },
  ];
  expect(API_MS_RULES.foldersOf(folders[0]!)).toEqual(folders);
  expect(RULES.foldersOf(folders[0]!)).toEqual(folders.slice(0, 1));
  expect(API_MS_RULES.foldersOf(folders[1]!)).toEqual(folders.slice(1));
});

test("two tasks never have one key", () => {
  fc.assert(
    fc.property(anyId, anyId, anyId, anyId, (userA, taskA, userB, taskB) => {
      const same = userA === userB && taskA === taskB;
      expect(keyOf({ userId: userA, taskId: taskA }) === keyOf({ userId: userB, taskId: taskB })).toBe(same);
    }),
    { numRuns: 2000 },
  );
  expect(keyOf({ userId: "a", taskId: "b:c" })).not.toBe(keyOf({ userId: "a:b", taskId: "c" }));
});
