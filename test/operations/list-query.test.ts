import { describe, expect, it } from "vitest";
import { buildListQuery, parseQueryBody } from "../../src/operations/list-query.ts";
import { BODY_NAMES, NO_FILTER, type RawQuery, rawQuery } from "../../src/task/query-fields.ts";
import { RecordRules } from "../../src/task/rules.ts";
import { Zone } from "../../src/task/time.ts";

const NOW = 1_700_000_000;
const context = { names: BODY_NAMES, rules: new RecordRules(new Zone("Asia/Shanghai")), now: NOW };
const build = (raw: RawQuery) => buildListQuery(raw, "auto", context);

describe("buildListQuery", () => {
  it("has defaults for everything", () => {
    expect(build({})).toEqual({
      filter: NO_FILTER,
      ids: null,
      page: 1,
      pageSize: 20,
      source: "auto",
    });
  });

  it.each([
    ["2h", NOW - 7200],
    ["30m", NOW - 1800],
    ["1.5d", NOW - 129_600],
    ["2023-11-01", 1_698_768_000],
    ["2023-11-01T00:00:00.000001", 1_698_768_000.000001],
    ["2023-11-01 00:00:00Z", 1_698_796_800],
    ["2023-11-01 00:00Z", 1_698_796_800],
    ["2023-11-01T00:00+08:00", 1_698_768_000],
    [" 2023-11-01T00:00:00+08:00 ", 1_698_768_000],
  ])("reads %j as a time", (text, epoch) => {
    expect(build({ since: text }).filter.since).toBe(epoch);
    expect(build({ until: text }).filter.until).toBe(epoch);
  });

  it.each<[string, RawQuery]>([
    ["page 0", { page: 0 }],
    ["page -1", { page: -1 }],
    ["page 1.5", { page: 1.5 }],
    ["page 1e300", { page: 1e300 }],
    ["page NaN", { page: Number.NaN }],
    ["page_size 0", { pageSize: 0 }],
    ["page_size 1001", { pageSize: 1001 }],
    ["page_size 5000", { pageSize: 5000 }],
    ["ids without a user", { taskIds: ["t1"] }],
    ["ids with a blank user", { taskIds: ["t1"], users: [" "] }],
    ["no id in the ids", { taskIds: [" ", ""], users: ["alice"] }],
    ["ids of several users", { taskIds: ["t1"], users: ["alice", "bob"] }],
    ["an empty user", { users: ["\t"] }],
    ["an unknown status", { statuses: ["finito"] }],
    ["an empty status", { statuses: [""] }],
    ["no status", { statuses: [] }],
    ["a wrong time", { since: "yesterday" }],
    ["a nonexistent day", { until: "2023-02-30" }],
    ["a negative age", { since: "-2h" }],
    ["an empty time", { since: "" }],
    ["a time after its end", { since: "1h", until: "2h" }],
  ])("refuses %s", (_, raw) => {
    expect(() => build(raw)).toThrow(expect.objectContaining({ code: "USAGE", exitCode: 2, hint: expect.any(String) }));
  });
});

describe("parseQueryBody", () => {
  const parse = (body: unknown) => parseQueryBody(JSON.stringify(body), "stdin");

  it("takes every key, null and nothing", () => {
    const whole = {
      page: 2,
      page_size: 50,
      user_id: "alice",
      task_ids: ["t1"],
      status: ["done"],
      since: "2h",
      until: null,
    };
    expect(parse(whole)).toEqual({
      ...rawQuery(() => null),
      ...{ page: 2, pageSize: 50, users: ["alice"], taskIds: ["t1"], statuses: ["done"], since: "2h", until: null },
    });
    const nothing = {
      ...rawQuery(() => null),
      page: null,
      pageSize: null,
      users: null,
      taskIds: null,
      statuses: null,
      since: null,
      until: null,
    };
    expect(parse({})).toEqual(nothing);
    expect(parse(Object.fromEntries(Object.keys(whole).map((key) => [key, null])))).toEqual(nothing);
  });

  it.each([
    ...[[1], "text", 5, null, true].map((body) => [JSON.stringify(body)]),
    ...["", "{", "{}{}", "{'page': 1}", "\ufeff{}"].map((text) => [text]),
    ...[{ Page: 1 }, { taskIds: [] }, { page: "1" }, { page_size: true }, { user_id: 5 }, { task_ids: "t1,t2" }].map(
      (body) => [JSON.stringify(body)],
    ),
    ...[{ task_ids: [1] }, { task_ids: [null] }, { status: "done" }, { since: 5 }, { until: {} }].map((body) => [
      JSON.stringify(body),
    ]),
    ['{"__proto__": {"page": 1}}'],
  ])("refuses %s", (text) => {
    expect(() => parseQueryBody(text, "stdin")).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
