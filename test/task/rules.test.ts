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
  ["a b", "a_b", "a+b", "a%20b"],
  ["a:b", "a_b", "a%3Ab"],
  ["..", "__", ".."],
  ["a/b", "a_b", "a%2Fb"],
  ["🙂", "_", "%F0%9F%99%82"],
  ["e\u0301", "e_", "e%CC%81"],
  ["张三-x_9", "__-x_9", "%E5%BC%A0%E4%B8%89-x_9"],
  ["a_b", "a_b"],
])("%j is called so, or %j, or quoted on the disk", (id, encoded, ...quoted) => {
  const names = new Set([id, ...quoted, encoded]);
  expect([fileNameOf(id), new Set(API_MS_RULES.namesOf(id)), RULES.namesOf(id)]).toEqual([encoded, names, [id]]);
  const folders = API_MS_RULES.foldersOf({ userId: id, taskId: "t" });
  expect(new Set(folders.map(({ userId }) => userId))).toEqual(names);
  expect(RULES.foldersOf({ userId: id, taskId: "t" })).toEqual([{ userId: id, taskId: "t" }]);
});

test("both names of a directory are written in one way, but that an id of which the encoded name keeps nothing is quoted", () => {
  const folders = API_MS_RULES.foldersOf({ userId: "a b", taskId: "第" }).map(
    ({ userId, taskId }) => `${userId}/${taskId}`,
  );
  expect(folders).toEqual(["a b/第", "a+b/%E7%AC%AC", "a%20b/%E7%AC%AC", "a_b/%E7%AC%AC", "a_b/_"]);
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
