import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { idProblem, memberOf, splitIds, trimId, uniqueIds } from "../../src/task/ids.ts";
import { askPython } from "../helpers/python.ts";
import { RULES } from "../helpers/records.ts";

const SCRIPT = new URL("strip.py", import.meta.url);
const spacy = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..." \t\n\v\f\r\x1c\x1f\x85\xa0\u2003\u3000\ufeff\u200b\u180e"),
    fc.string({ maxLength: 1 }),
  ),
});

describe("trimId is Python's str.strip()", { tags: ["slow"] }, () => {
  const texts = fc.sample(spacy, 2000);
  let spaces: number[];
  let stripped: string[];
  beforeAll(() => {
    ({ spaces, stripped } = askPython<{ spaces: number[]; stripped: string[] }>(SCRIPT, texts));
  });

  test("every code point, alone and around a letter", () => {
    const removed = new Set(spaces);
    const wrong: number[] = [];
    for (let code = 0; code < 0x11_0000; code++) {
      const char = String.fromCodePoint(code);
      const expected = removed.has(code) ? ["", "x"] : [char, `${char}x${char}`];
      if (trimId(char) !== expected[0] || trimId(`${char}x${char}`) !== expected[1]) wrong.push(code);
    }
    expect(wrong).toEqual([]);
  });

  test("random texts", () => {
    expect(texts.map(trimId)).toEqual(stripped);
  });

  test("a long run of spaces inside takes no quadratic time", () => {
    const id = `a${" ".repeat(2_000_000)}b`; // half a minute for 100,000 of them, by one pattern
    expect(trimId(` ${id}\n`)).toBe(id);
  });
});

test.each<[string, string[]]>([
  ["t01,t02", ["t01", "t02"]],
  [" t01 , t02,\n\tt03 ", ["t01", "t02", "t03"]],
  ["t01,,t02,", ["t01", "t02"]],
  ["b,a,b,a,b", ["b", "a"]],
  ["任务一\u3000任务二,任务一", ["任务一", "任务二"]],
  ["a\x85b\x1cc\u2028d", ["a", "b", "c", "d"]],
  [" ,\t, ", []],
])("splitIds(%j)", (text, ids) => {
  expect(splitIds(text)).toEqual(ids);
});

test("uniqueIds trims before it removes repeats; inner spaces and commas are kept", () => {
  expect(uniqueIds([" a", "a ", "b c", "", " ", "d,e", "a"])).toEqual(["a", "b c", "d,e"]);
});

describe("idProblem", () => {
  test.each<["user_id" | "task_id", string]>([
    ["user_id", "alice"],
    ["task_id", "t:01"],
    ["task_id", "../x"],
    ["task_id", "\ufffd"],
    ["task_id", "\0"],
  ])("%s %j can name a task", (field, id) => {
    expect(idProblem(field, id, RULES)).toBeUndefined();
  });

  test.each<["user_id" | "task_id", string, RegExp]>([
    ["user_id", "", /^user_id is empty/],
    ["task_id", "", /^task_id is empty/],
    ["user_id", "a:b", /^user_id.*':'/],
    ["user_id", "a\ud800", /^user_id.*surrogate/],
    ["task_id", "\udc00b", /^task_id.*surrogate/],
  ])("%s %j cannot", (field, id, reason) => {
    expect(idProblem(field, id, RULES)).toMatch(reason);
  });
});

test("memberOf is the member of the index", () => {
  expect(memberOf({ userId: "", taskId: "stray" })).toBe("stray");
  expect(memberOf({ userId: "alice", taskId: "t:01" })).toBe("alice:t:01");
});
