import { describe, expect, test } from "vitest";
import { RecordRules } from "../../src/task/rules.ts";
import { isInvalid, RecordParser, saysDeleted, type Task } from "../../src/task/task.ts";
import { Zone } from "../../src/task/time.ts";

const parser = new RecordParser(new RecordRules(new Zone("Asia/Shanghai")));

function valid(json: string): Task {
  const task = parser.parse(json);
  if (isInvalid(task)) throw new Error(task.reason);
  return task;
}

const IDS = '"user_id":"alice","task_id":"t01"';

test("the known fields, and the whole record as compact JSON with its numbers as written", () => {
  const json = `  { "task_id" : "t01", "top_p": 1.0 , "n":12345678901234567890,"e":1e5,"z":-0,
    "user_id":"alice","status": "Succeeded", "error":null,"created_at": "2024-01-01T08:00:00.000001",
    "updated_at":"2024-01-01T08:00:05.250001","text":"你 好\\u4f60 : , { \\"","list":[ ] , "o": { "a" : [ 1 , 2.50 ] } } `;
  expect(valid(json)).toEqual({
    userId: "alice",
    taskId: "t01",
    status: "Succeeded",
    error: "",
    createdAt: "2024-01-01T08:00:00.000001",
    updatedAt: "2024-01-01T08:00:05.250001",
    score: 1_704_067_205.250_001,
    json:
      '{"task_id":"t01","top_p":1.0,"n":12345678901234567890,"e":1e5,"z":-0,"user_id":"alice","status":"Succeeded",' +
      '"error":null,"created_at":"2024-01-01T08:00:00.000001","updated_at":"2024-01-01T08:00:05.250001",' +
      '"text":"你 好\\u4f60 : , { \\"","list":[],"o":{"a":[1,2.50]}}',
  });
});

test.each<[string, string, string]>([
  ['"user_id":" alice\\u3000","task_id":"\\tt01\\n"', "alice", "t01"],
  ['"user_id":"\\ud83d\\ude42","task_id":"a\\/b"', "🙂", "a/b"],
  ['"user\\u005fid":"alice","\\u0074ask_id":"t01"', "alice", "t01"],
  ['"user_id":"first","task_id":"t01","user_id":"last"', "last", "t01"],
])("ids: %s", (ids, userId, taskId) => {
  expect(valid(`{${ids},"updated_at":1}`)).toMatchObject({ userId, taskId });
});

describe("time", () => {
  test.each<[string, number, string]>([
    ['"2024-01-01T00:00:00"', 1_704_038_400, "2024-01-01T00:00:00"],
    ['"2024-01-01T00:00:00\\u002b00:00"', 1_704_067_200, "2024-01-01T00:00:00+00:00"],
    ['"\\u0032024-01-01T00:00:00"', 1_704_038_400, "2024-01-01T00:00:00"],
    ["1704067200", 1_704_067_200, "2024-01-01T00:00:00+00:00"],
    ["1704067200.123456", 1_704_067_200.123_456, "2024-01-01T00:00:00.123456+00:00"],
    ["-1.5", -1.5, "1969-12-31T23:59:58.500000+00:00"],
    ["253402300799", 253_402_300_799, "9999-12-31T23:59:59+00:00"],
  ])("%s", (json, score, updatedAt) => {
    expect(valid(`{${IDS},"updated_at":${json}}`)).toMatchObject({ score, updatedAt });
  });

  test("created_at may be anything, and is never the reason to refuse a record", () => {
    const created = ["null", '"soon"', "1e99", "[1, 2]", "0", '"5"'];
    const found = created.map((json) => valid(`{${IDS},"updated_at":1,"created_at":${json}}`).createdAt);
    expect(found).toEqual(["", "soon", "1e99", "[1,2]", "1970-01-01T00:00:00+00:00", "5"]);
    expect(valid(`{${IDS},"updated_at":1}`).createdAt).toBe("");
  });
});

test.each<[string, string, string]>([
  ["", "", ""],
  ['"status":null,"error":null', "", ""],
  ['"status":"run","error":"显存\\n不足"', "run", "显存\n不足"],
  ['"status":7.0,"error":{"code": 1.0}', "7.0", '{"code":1.0}'],
  ['"status":true,"error":""', "true", ""],
  ['"status":"a","status":"b"', "b", ""],
  ['"error":"\\ud800x"', "", "\ufffdx"], // Redis holds UTF-8 only
])("status and error of {%s}", (fields, status, error) => {
  expect(valid(`{${IDS},"updated_at":1${fields && `,${fields}`}}`)).toMatchObject({ status, error });
});

const both = { userId: "alice", taskId: "t01" };
test.each<[string, RegExp, object]>([
  ["null", /not an object/, {}],
  ['[{"user_id":"alice"}]', /not an object/, {}],
  ['{"task_id":"t01","updated_at":1}', /user_id is missing/, { taskId: "t01" }],
  ['{"user_id":"alice","updated_at":1}', /task_id is missing/, { userId: "alice" }],
  ['{"user_id":"alice","task_id":17,"updated_at":1}', /task_id is not a string/, { userId: "alice", taskId: "17" }],
  ['{"user_id":"","task_id":"t01","updated_at":1}', /user_id is empty/, { taskId: "t01" }],
  ['{"user_id":"alice","task_id":" \\u3000","updated_at":1}', /task_id is empty/, { userId: "alice" }],
  ['{"user_id":"a\\ud800","task_id":"t01","updated_at":1}', /surrogate/, { userId: "a\ud800", taskId: "t01" }],
  ['{"user_id":"a:b","task_id":"t01","updated_at":1}', /':'/, { userId: "a:b", taskId: "t01" }],
  [`{${IDS}}`, /updated_at is missing/, both],
  [`{${IDS},"updated_at":true}`, /updated_at is neither/, both],
  [`{${IDS},"updated_at":"soon"}`, /updated_at is not/, both],
  [`{${IDS},"updated_at":1e400}`, /time in epoch/, both],
  [`{${IDS},"updated_at":253402300800}`, /time in epoch/, both],
  [`{${IDS},"updated_at":1,"updated_at":null}`, /updated_at is neither/, both],
])("invalid records, each with its readable ids: %s", (json, reason, ids) => {
  const { reason: found, ...rest } = parser.parse(json) as { reason: string };
  expect(found).toMatch(reason);
  expect(rest).toEqual(ids);
});

test.each<[string, boolean]>([
  [`{${IDS},"deleted":true}`, true],
  [`{${IDS},"d\\u0065leted":true}`.replace("\\\\", "\\"), true],
  [`{${IDS},"deleted":"true"}`, false],
  [`{${IDS},"deleted":1}`, false],
  [`{${IDS},"x":{"deleted":true}}`, false],
  [`{${IDS}}`, false],
])("%s says deleted: %s", (json, deleted) => {
  expect([saysDeleted(json), parser.isTombstone(Buffer.from(json))]).toEqual([deleted, deleted]);
});

test("a tombstone needs both ids", () => {
  for (const ids of ['"user_id":"alice"', '"task_id":"t01"', '"user_id":"alice","task_id":""', '"x":1']) {
    expect(parser.isTombstone(Buffer.from(`{${ids},"deleted":true}`))).toBe(false);
  }
});
