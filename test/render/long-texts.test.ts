import { describe, expect, it } from "vitest";
import { getRows } from "../../src/cli/commands/get.ts";
import type { GetResult } from "../../src/operations/get.ts";
import { NO_COLORS, table } from "../../src/render/table.ts";
import { cut, fits, widthOf } from "../../src/render/width.ts";
import { record, taskOf } from "../helpers/records.ts";

const WIDTH = 100;
const STYLE = { width: WIDTH, colors: NO_COLORS };
const LONG = 60_000;
/** Each makes texts of which string-width or cli-truncate would take minutes. */
const TEXTS = {
  Russian: "ошибка: нет памяти; ".repeat(LONG / 20),
  kana: "かなカナ".repeat(LONG / 4),
  emoji: "👩\u200d🚀".repeat(LONG / 5),
  "combining marks": "e\u0301".repeat(LONG / 2),
  "one letter with marks": `e${"\u0301".repeat(LONG)}`,
};

describe.each(Object.entries(TEXTS))("very long texts: %s", (_, text) => {
  it("are cut to the screen in a table, and none is wider", { timeout: 60_000 }, () => {
    const rows = Array.from({ length: 20 }, (_, i) => [`t${i}`, text, text]);
    const lines = table(["TASK", "TEXT", "ERROR"], rows, STYLE).split("\n").slice(0, -1);
    expect(lines).toHaveLength(21);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(WIDTH);
    expect(lines[1]).toMatch(/^t0 {4}.+….+…$/);
  });

  it("are compared where they begin to differ", { timeout: 60_000 }, () => {
    const [file, redis] = [
      taskOf(record("alice", "t1", { text })),
      taskOf(record("alice", "t1", { text: `${text}!` })),
    ];
    const views = { task: redis, file, redis, invalid: null };
    const result: GetResult = { source: "redis", ...views, artifacts: [], warnings: [] };
    const row = getRows(result, WIDTH).find(([mark]) => mark === "*")!;
    expect(row[3]).toBe(`${row[2]}!`);
  });
});

describe("cut", () => {
  it.each([
    ["абвгд", 5, "абвгд"],
    ["абвгде", 5, "абвг…"],
    ["👩\u200d🚀👩\u200d🚀👩\u200d🚀", 6, "👩\u200d🚀👩\u200d🚀👩\u200d🚀"],
    ["👩\u200d🚀👩\u200d🚀👩\u200d🚀", 5, "👩\u200d🚀👩\u200d🚀…"],
    ["か".repeat(1000), 6, "かか…"],
    [`\u001b[31m${"ж".repeat(1000)}\u001b[39m`, 4, "\u001b[31mжжж…\u001b[39m"],
    [`e${"\u0301".repeat(1000)}f`, 4, expect.stringMatching(/^e\u0301+ …$/)],
  ])("%j in %d columns", (text, width, shown) => expect(cut(text, width)).toEqual(shown));
});

it.each([
  ["абв", 3, true],
  ["абв", 2, false],
  ["か".repeat(5000), 100, false],
  ["か".repeat(50), 100, true],
])("fits: %j in %d columns: %j", (text, width, expected) => expect(fits(text, width)).toBe(expected));
