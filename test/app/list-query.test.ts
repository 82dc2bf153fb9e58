import { describe, expect, it } from "vitest";
import { buildListQuery, parseQueryObject, readQueryBody } from "../../src/app/list-query.ts";
import { BODY_NAMES, NO_FILTER, type RawQuery, rawQuery } from "../../src/task/query-fields.ts";
import { RecordRules } from "../../src/task/rules.ts";
import { Zone } from "../../src/task/time.ts";

const NOW = 1_700_000_000;
const context = { names: BODY_NAMES, rules: new RecordRules(new Zone("Asia/Shanghai")), now: NOW };
const build = (raw: RawQuery) => buildListQuery(raw, "auto", context);

describe("buildListQuery", () => {
  it("has defaults for everything", () => {
    expect(build({})).toEqual({ filter: NO_FILTER, ids: null, page: 1, pageSize: 20, source: "auto" });
  });

  it.each([
    ["2h", NOW - 7200],
    ["1.5d", NOW - 129_600],
    ["2023-11-01T00:00:00.000001", 1_698_768_000.000001],
    ["2023-11-01 00:00:00Z", 1_698_796_800],
    ["2023-11-01 00:00Z", 1_698_796_800],
    [" 2023-11-01T00:00:00+08:00 ", 1_698_768_000],
  ])("reads %j as a time", (text, epoch) => {
    expect(build({ since: text }).filter.since).toBe(epoch);
    expect(build({ until: text }).filter.until).toBe(epoch);
  });

  it.each<[string, RawQuery]>([
    ["page 0", { page: 0 }],
    ["page 1.5", { page: 1.5 }],
    ["page NaN", { page: Number.NaN }],
    ["page_size 0", { pageSize: 0 }],
    ["page_size 1001", { pageSize: 1001 }],
    ["ids without a user", { taskIds: ["t1"] }],
    ["no id in the ids", { taskIds: [" ", ""], users: ["alice"] }],
    ["ids of several users", { taskIds: ["t1"], users: ["alice", "bob"] }],
    ["an empty user", { users: ["\t"] }],
    ["an empty status", { statuses: [""] }],
    ["an unknown status", { statuses: ["finito"] }],
    ["no status", { statuses: [] }],
    ["a wrong time", { since: "yesterday" }],
    ["a time after its end", { since: "1h", until: "2h" }],
  ])("refuses %s", (_, raw) => {
    expect(() => build(raw)).toThrow(expect.objectContaining({ code: "USAGE", exitCode: 2, hint: expect.any(String) }));
  });
});

describe("readQueryBody", () => {
  const parseText = (text: string) => readQueryBody(parseQueryObject(text, "stdin"), "stdin");
  const parse = (body: unknown) => parseText(JSON.stringify(body));

  it("takes every key, null and nothing", () => {
    const ids = { user_id: "alice", task_ids: ["t1"], status: ["done"], since: "2h" };
    const whole = { page: 2, page_size: 50, ...ids, until: null };
    expect(parse(whole)).toEqual({
      ...rawQuery(() => null),
      ...{ page: 2, pageSize: 50, users: ["alice"], taskIds: ["t1"], statuses: ["done"], since: "2h" },
    });
    for (const body of [{}, Object.fromEntries(Object.keys(whole).map((key) => [key, null]))])
      expect(parse(body)).toEqual(rawQuery(() => null));
  });

  it.each([
    ...["[1]", '"text"', "null", '{"Page":1}', '{"page":"1"}', '{"page_size":true}', '{"status":"done"}'],
    ...['{"task_ids":"t1,t2"}', '{"task_ids":[1]}', '{"until":{}}', "", "{", "{}{}", "\ufeff{}"],
    '{"__proto__": {"page": 1}}',
  ])("refuses %s", (text) => {
    expect(() => parseText(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
