import { Chalk } from "chalk";
import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { csvTaskLines } from "../../src/render/csv.ts";
import { COLUMNS, type TimeTelling } from "../../src/render/item.ts";
import { doneLine, progressLine } from "../../src/render/item-lines.ts";
import { fitColumns, GAP, type Room, taskTable } from "../../src/render/table.ts";
import { yamlOf } from "../../src/render/yaml.ts";
import { TimeReader } from "../../src/task/time.ts";
import { anyChar } from "../helpers/any-char.ts";
import { record, taskOf, UTC } from "../helpers/records.ts";

const RAW: TimeTelling = { style: "raw", times: new TimeReader(UTC), zone: UTC, now: 0 };

describe("YAML and CSV", () => {
  it("YAML keeps texts that look like something else, long lines and line breaks", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
        const json = JSON.stringify({ value });
        expect(parse(yamlOf(json))).toEqual(JSON.parse(json));
      }),
    );
  });

  it.each(["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "＋1", "－1", "＠x"])(
    "CSV does not give a spreadsheet a formula: %j",
    (text) => {
      const [line] = csvTaskLines([taskOf(record("a", "t1", { error: text }))], ["error"], RAW);
      expect(line).toContain(`'${text}`);
    },
  );
});

it("tables fit any terminal with room for the ids, cut no id, and tear no wide character", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "字", "é", "👩‍👩‍👧", "🙂", " "), maxLength: 30 });
  const some = fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(some, fc.integer({ min: 1, max: 120 }), fc.boolean(), (texts, width, wide) => {
      const id = "t".repeat(20);
      const tasks = texts.map(([error, text], i) => taskOf(record(`用户${i}`, `${id}${i}`, { error, text })));
      const style = { width, colors: new Chalk({ level: 1 }) };
      const table = taskTable(wide ? COLUMNS.wide : COLUMNS.table, true, style, RAW);
      for (const [i, line] of [...table.block(tasks)].entries()) {
        expect(stringWidth(line.slice(0, -1))).toBeLessThanOrEqual(Math.max(width, 5 + 2 + 21));
        if (i > 0) expect(line).toMatch(new RegExp(`^用户${i - 1}  ${id}${i - 1}\\b`));
        expect(line.isWellFormed()).toBe(true);
      }
    }),
  );
});

const room = (full: number, least: number, mayGo = true): Room => ({ full, least: Math.min(full, least), mayGo });

it("fitColumns never takes more than there is, and leaves out only what may go", () => {
  const size = fc.integer({ min: 1, max: 60 });
  const rooms = fc.array(fc.tuple(size, size, fc.boolean()), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(rooms, fc.integer({ min: 30, max: 200 }), (sizes, available) => {
      const columns = sizes.map(([full, least, mayGo]) => room(full, least, mayGo));
      const widths = fitColumns(columns, available);
      const shown = widths.filter((width) => width !== null);
      expect(shown.reduce((sum, width) => sum + width + GAP, -GAP)).toBeLessThanOrEqual(available);
      widths.forEach((width, i) => {
        if (width === null) expect(columns[i]!.mayGo).toBe(true);
        else expect(width).toBeLessThanOrEqual(columns[i]!.full);
      });
    }),
  );
});

it("the line of progress fits any terminal, whatever the numbers", () => {
  const counts = fc.integer({ min: 0, max: 2_000_000_000 });
  const labels = fc.constantFrom("syncing", "同步", "👩‍👩‍👧 x");
  const progresses = fc.record({
    label: labels,
    done: counts,
    total: counts,
    from: counts,
    seconds: fc.double({ min: 0, max: 1e9, noNaN: true }),
  });
  fc.assert(
    fc.property(progresses, fc.integer({ min: 1, max: 200 }), (progress, width) => {
      const line = progressLine(progress, width);
      expect(stringWidth(line)).toBeLessThanOrEqual(width);
      expect(line).not.toMatch(/NaN|Infinity|-\d/);
    }),
  );
});

const task = {
  ...{ userId: "alice", taskId: "t01", reason: "expired" as const },
  ...{ local: true, redis: true, files: 2, bytes: 123_456 },
};

it("[CLEANUP] lines can be split at spaces and read back, whatever the ids are", () => {
  const id = fc.string({ unit: anyChar, minLength: 1 });
  fc.assert(
    fc.property(id, id, (userId, taskId) => {
      const line = doneLine("cleanup", { ...task, userId, taskId });
      expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
      const values =
        /^\[CLEANUP\] user=("(?:[^"\\]|\\.)*"|[^\s"=]+) task=("(?:[^"\\]|\\.)*"|[^\s"=]+) reason=expired /u.exec(line);
      const read = (text: string) => (text.startsWith('"') ? JSON.parse(text) : text);
      expect([read(values![1]!), read(values![2]!)]).toEqual([userId, taskId]);
    }),
  );
});
