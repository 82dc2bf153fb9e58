import { Chalk } from "chalk";
import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { csvTaskLines } from "../../src/render/csv.ts";
import { itemJson, pageJson, TABLE_COLUMNS, type TimeTelling, WIDE_COLUMNS } from "../../src/render/item.ts";
import { doneLine } from "../../src/render/item-lines.ts";
import { taskTable } from "../../src/render/table.ts";
import { yamlOf } from "../../src/render/yaml.ts";
import { RecordParser, type Task } from "../../src/task/task.ts";
import { TimeReader } from "../../src/task/time.ts";
import { anyChar } from "../helpers/any-char.ts";
import { RULES, record, taskOf, UTC } from "../helpers/records.ts";

const RAW: TimeTelling = { style: "raw", times: new TimeReader(UTC), zone: UTC, now: 0 };
const parseTask = (text: string) => new RecordParser(RULES).parse(text) as Task;
const EXACT =
  '{"user_id":" alice ","task_id":"t1","status":"Succeeded","updated_at":1.7e9,"top_p":1.0,"n":12345678901234567890,"deep":{"x":[1.50,null]}}';

describe("pages", () => {
  const page = (tasks: Task[]) => ({
    ...{
      total: 9,
      page: 2,
      pageSize: 3,
      source: "mixed" as const,
      tasks,
      missing: ["x\n", '"'],
      dangling: 1,
      warnings: [],
    },
  });

  it("are JSON in the order of docs/contract.md, Commands", () => {
    const text = pageJson(page([taskOf(record("a", "t1")), taskOf(record("a", "t2"))]));
    expect(text.endsWith("}\n")).toBe(true);
    expect(Object.keys(JSON.parse(text))).toEqual([
      "total",
      "page",
      "pageSize",
      "source",
      "items",
      "missing",
      "dangling",
    ]);
    expect(JSON.parse(text)).toMatchObject({
      total: 9,
      page: 2,
      missing: ["x\n", '"'],
      items: [{ task_id: "t1" }, { task_id: "t2" }],
    });
  });
});

describe("YAML and CSV", () => {
  it("YAML equals the JSON, with unchanged numbers", () => {
    const text = yamlOf(itemJson(parseTask(EXACT)));
    expect(text).toContain("top_p: 1.0\n");
    expect(text).toContain('"n": 12345678901234567890\n');
    expect(parse(text)).toEqual(JSON.parse(itemJson(parseTask(EXACT))));
  });

  it("YAML keeps texts that look like something else, long lines and line breaks", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
        const json = JSON.stringify({ value });
        expect(parse(yamlOf(json))).toEqual(JSON.parse(json));
      }),
    );
    const odd = {
      a: "yes",
      b: "1.0",
      c: "null",
      d: "x: y # z",
      e: "a\nb\n",
      f: "- x",
      g: "",
      h: " lead",
      i: "😀",
      long: "x ".repeat(99),
    };
    expect(parse(yamlOf(JSON.stringify(odd)))).toEqual(odd);
  });

  it.each(["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "＋1", "－1", "＠x"])(
    "CSV does not give a spreadsheet a formula: %j",
    (text) => {
      const [line] = csvTaskLines([taskOf(record("a", "t1", { error: text }))], ["error"], RAW);
      expect(line).toContain(`'${text}`);
    },
  );
});

describe("tables", () => {
  it("fit any terminal, and tear no wide character", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "字", "é", "👩‍👩‍👧", "🙂", " "), maxLength: 30 });
    const some = fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 120 }), fc.boolean(), (texts, width, wide) => {
        const tasks = texts.map(([error, text], i) => taskOf(record(`用户${i}`, `t${i}`, { error, text })));
        const style = { width, colors: new Chalk({ level: 1 }) };
        const table = taskTable(wide ? WIDE_COLUMNS : TABLE_COLUMNS, true, style, RAW);
        for (const line of table.block(tasks)) {
          expect(stringWidth(line.slice(0, -1))).toBeLessThanOrEqual(width);
          expect(line.isWellFormed()).toBe(true);
        }
      }),
    );
  });
});

describe("[CLEANUP] lines", () => {
  const task = {
    ...{ userId: "alice", taskId: "t01", reason: "expired" as const },
    ...{ local: true, redis: true, files: 2, bytes: 123_456 },
  };

  it("are those of docs/contract.md, Cleanup", () => {
    expect(doneLine("cleanup", task)).toBe(
      "[CLEANUP] user=alice task=t01 reason=expired local=yes redis=yes files=2 bytes=123456",
    );
    expect(doneLine("cleanup", { ...task, reason: "dangling", local: false, redis: false, files: 0, bytes: 0 })).toBe(
      "[CLEANUP] user=alice task=t01 reason=dangling local=no redis=no files=0 bytes=0",
    );
    expect(doneLine("cleanup", { ...task, userId: "用户", taskId: "a:b/c", reason: "deleted" })).toContain(
      "user=用户 task=a:b/c reason=deleted",
    );
  });

  it("can be split at spaces and read back, whatever the ids are", () => {
    const id = fc.string({ unit: anyChar, minLength: 1 });
    fc.assert(
      fc.property(id, id, (userId, taskId) => {
        const line = doneLine("cleanup", { ...task, userId, taskId });
        expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
        const values =
          /^\[CLEANUP\] user=("(?:[^"\\]|\\.)*"|[^\s"=]+) task=("(?:[^"\\]|\\.)*"|[^\s"=]+) reason=expired /u.exec(
            line,
          );
        const read = (text: string) => (text.startsWith('"') ? JSON.parse(text) : text);
        expect([read(values![1]!), read(values![2]!)]).toEqual([userId, taskId]);
      }),
    );
  });
});
