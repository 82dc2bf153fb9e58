import { Chalk } from "chalk";
import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { printable } from "../../src/printable.ts";
import { csvTaskLines } from "../../src/render/csv.ts";
import {
  itemJson,
  pageJson,
  relativeTime,
  TABLE_COLUMNS,
  type TimeTelling,
  WIDE_COLUMNS,
} from "../../src/render/item.ts";
import { doneLine } from "../../src/render/item-lines.ts";
import { NO_COLORS, type TableStyle } from "../../src/render/table.ts";
import { TaskTable } from "../../src/render/task-table.ts";
import { yamlOf } from "../../src/render/yaml.ts";
import { RecordParser, type Task } from "../../src/task/task.ts";
import { TimeReader, Zone } from "../../src/task/time.ts";
import { anyChar } from "../helpers/any-char.ts";
import { RULES, record, taskOf, UTC } from "../helpers/records.ts";

const PLAIN = { width: null, colors: NO_COLORS };
const RAW: TimeTelling = { style: "raw", times: new TimeReader(UTC), zone: UTC, now: 0 };
const parseTask = (text: string) => new RecordParser(RULES).parse(text) as Task;
const EXACT =
  '{"user_id":" alice ","task_id":"t1","status":"Succeeded","updated_at":1.7e9,"top_p":1.0,"n":12345678901234567890,"deep":{"x":[1.50,null]}}';

describe("items", () => {
  it("are the whole record with ids as they count, the status as shown, and numbers as they were", () => {
    expect(itemJson(parseTask(EXACT))).toBe(
      '{"user_id":"alice","task_id":"t1","status":"done","updated_at":1.7e9,"top_p":1.0,"n":12345678901234567890,"deep":{"x":[1.50,null]}}',
    );
  });
});

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
    const text = [...pageJson(page([taskOf(record("a", "t1")), taskOf(record("a", "t2"))]))].join("");
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
      const [line] = csvTaskLines([taskOf(record("a", "t1", { error: text }))], ["error"]);
      expect(line).toContain(`'${text}`);
    },
  );
});

describe("tables", () => {
  const rows = [
    taskOf(record("alice", "t1")),
    taskOf(record("用户", "第二", { status: "failed", error: "显存不足\nsecond line", result_path: "output/x.wav" })),
    taskOf(record("b", "\u001b[31mred\u202e", { status: "odd" })),
  ];

  const lines = (columns: readonly string[], style: TableStyle = PLAIN) =>
    [...new TaskTable({ columns, headers: true, style, telling: RAW }).block(rows)].join("");

  it("are for people", () => {
    expect(lines(TABLE_COLUMNS)).toBe(
      [
        "USER   TASK                 STATUS  UPDATED                     ERROR",
        "alice  t1                   done    2020-01-01T08:00:05.250001",
        "用户   第二                 error   2020-01-01T08:00:05.250001  显存不足 second line",
        "b      \\u001b[31mred\\u202e  odd     2020-01-01T08:00:05.250001",
        "",
      ].join("\n"),
    );
  });

  it("fit any terminal, and tear no wide character", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "字", "é", "👩‍👩‍👧", "🙂", " "), maxLength: 30 });
    const some = fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 120 }), fc.boolean(), (texts, width, wide) => {
        const tasks = texts.map(([error, text], i) => taskOf(record(`用户${i}`, `t${i}`, { error, text })));
        const style = { width, colors: new Chalk({ level: 1 }) };
        const options = { columns: wide ? WIDE_COLUMNS : TABLE_COLUMNS, headers: true, style, telling: RAW };
        for (const line of new TaskTable(options).block(tasks)) {
          expect(stringWidth(line.slice(0, -1))).toBeLessThanOrEqual(width);
          expect(line.isWellFormed()).toBe(true);
        }
      }),
    );
  });

  it("leave out columns that don't fit, and say so", () => {
    const options = { columns: WIDE_COLUMNS, headers: true, style: { ...PLAIN, width: 61 }, telling: RAW };
    const table = new TaskTable(options);
    const [head, first] = table.block(rows.slice(0, 2));
    expect(head).toMatch(/^USER +TASK +STATUS +UPDATED\n$/);
    expect(first).toContain("2020-01-01T08:00:05.250001\n"); // half a time would be another one
    expect(table.left).toEqual(WIDE_COLUMNS.slice(4).map((column) => column.toUpperCase()));
  });

  it("have the columns asked for, any field among them, and the head only once", () => {
    const columns = ["TASK", "progress", "user_id", "none"];
    const table = new TaskTable({ columns, headers: true, style: PLAIN, telling: RAW });
    expect([...table.block(rows.slice(0, 1)), ...table.block(rows.slice(0, 1))]).toEqual([
      ...["TASK  PROGRESS  USER_ID  NONE\n", "t1    100       alice\n", "t1    100       alice\n"],
    ]);
    const [line] = new TaskTable({ columns, headers: false, style: PLAIN, telling: RAW }).block(rows.slice(0, 1));
    expect(line).toBe("t1  100  alice\n");
  });

  it.each([1, 49, 50, 51, 100, 101])("of %d tasks are the same in blocks as task by task", (count) => {
    const tasks = Array.from({ length: count }, (_, i) => taskOf(record("alice", `t${1000 + i}`)));
    const table = () => new TaskTable({ columns: TABLE_COLUMNS, headers: true, style: PLAIN, telling: RAW });
    const [single, whole] = [table(), table()];
    const lines = tasks.flatMap((task) => [...single.block([task])]);
    expect([...whole.block(tasks)]).toEqual(lines);
    expect(lines).toHaveLength(count + 1);
  });

  it("show times with the offset of the zone, and as ages", () => {
    const zone = new Zone("Asia/Shanghai");
    const shown = (style: "iso" | "age", at: string) => {
      const telling = { style, times: new TimeReader(zone), zone, now: 1_600_000_000 };
      const task = taskOf(record("a", "t", { updated_at: at, seen_at: 1_600_000_000.5, odd_at: "soon" }));
      const columns = ["updated", "seen_at", "odd_at"];
      return [...new TaskTable({ columns, headers: false, style: PLAIN, telling }).block([task])][0];
    };
    expect(shown("iso", "2020-09-13T20:26:40.000001")).toBe(
      "2020-09-13T20:26:40.000001+08:00  2020-09-13T20:26:40.500000+08:00  soon\n",
    );
    expect(shown("age", "2020-09-13T18:20:00+08:00")).toBe("2h  now  soon\n");
    expect([0.4, 59.9, 3600, -90, -172_800].map(relativeTime)).toEqual(["now", "59s ago", "1h ago", "in 1m", "in 2d"]);
  });
});

describe("printable", () => {
  it("leaves no character that steers a terminal", () => {
    expect(printable("a\u001b[2Jb\u0007\u009bc\n\td\u202ee\u200bf\ufeff")).toBe(
      "a\\u001b[2Jb\\u0007\\u009bc  d\\u202ee\\u200bf\\ufeff",
    );
    expect(printable("你好 é 👨‍👩‍👧".replace(/\u200d/g, ""))).toBe("你好 é 👨👩👧");
    fc.assert(
      fc.property(fc.string({ unit: anyChar }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e]/u);
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
