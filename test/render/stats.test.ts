import { Chalk } from "chalk";
import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import type { StatsResult, StatusCounts } from "../../src/operations/stats/types.ts";
import { hourChart } from "../../src/render/hour-chart.ts";
import { statsText } from "../../src/render/stats.ts";

const counts: fc.Arbitrary<StatusCounts> = fc
  .tuple(...Array.from({ length: 5 }, () => fc.oneof(fc.constant(0), fc.nat(1_000_000))))
  .map(([wait = 0, run = 0, done = 0, error = 0, other = 0]) => ({
    ...{ total: wait + run + done + error + other, wait, run, done, error, other },
  }));

describe("the chart of hours", () => {
  it("fits the screen, and every hour with a task shows", () => {
    const hours = fc.array(counts, { minLength: 24, maxLength: 24 });
    fc.assert(
      fc.property(hours, fc.integer({ min: 85, max: 300 }), (perHour, width) => {
        const labels = perHour.map((_, i) => String(i).padStart(2, "0"));
        const lines = hourChart(perHour, labels, width).map((pieces) => pieces.map(([text]) => text).join(""));
        for (const line of lines) expect(stringWidth(line.trimEnd())).toBeLessThanOrEqual(width);
        expect(lines.at(-1)).toMatch(/00.*23/);
      }),
    );
  });

  it("of block characters has the same size, and shows each total to an eighth of a cell", () => {
    const hours = fc.array(counts, { minLength: 24, maxLength: 24 });
    fc.assert(
      fc.property(hours, fc.integer({ min: 85, max: 300 }), (perHour, width) => {
        const labels = perHour.map((_, i) => String(i).padStart(2, "0"));
        const charts = [true, false].map((blocks) => hourChart(perHour, labels, width, blocks));
        const [drawn, plain] = charts.map((lines) => lines.map((pieces) => pieces.map(([text]) => text).join("")));
        expect(drawn!.map((line) => stringWidth(line))).toEqual(plain!.map((line) => stringWidth(line)));
        expect(drawn!.join("")).toMatch(/^[\d │└▁▂▃▄▅▆▇█]*$/);
        const most = Math.max(...perHour.map(({ total }) => total));
        for (const [i, { total }] of perHour.entries()) {
          const cells = charts[0]!.slice(0, -1).map((pieces) => pieces[1 + 2 * i]![0][0]!);
          const eighths = cells.reduce((sum, cell) => sum + " ▁▂▃▄▅▆▇█".indexOf(cell), 0);
          expect(eighths).toBe(most === 0 ? 0 : Math.ceil((total / most) * 64));
        }
      }),
    );
  });
});

const NONE: StatusCounts = { total: 0, wait: 0, run: 0, done: 0, error: 0, other: 0 };
const SOME: StatusCounts = { total: 1_000_000, wait: 10, run: 90, done: 999_000, error: 900, other: 0 };
const BYTES = { audioBytes: 123_456_789, logBytes: 4567 };

function statsOf(more: Partial<StatsResult> = {}): StatsResult {
  const names = ["alice", "小雨的语音合成用户", "bob", "\u001b[31mevil\u202e"];
  return {
    ...{ source: "redis", at: "2026-11-25T03:30:00+00:00", user: null, total: 1_000_000 },
    byStatus: { wait: 10, run: 90, done: 999_000, error: 900, other: 0 },
    users: 40,
    byUser: names.map((user_id) => ({ user_id, ...SOME, lastChange: "2026-11-25T03:00:00+00:00", disk: BYTES })),
    ...{ oldest: null, newest: null, oldestWaiting: null, dangling: 3 },
    ages: [3600, 86_400, 604_800, 2_592_000, null].map((upTo) => ({ upTo, ...SOME })),
    ...{ per6Hours: [], perDay: [] },
    perHour: Array.from({ length: 24 }, (_, i) => ({
      from: new Date(Date.UTC(2026, 10, 24, 4 + i)).toISOString(),
      ...(i % 5 === 0 ? NONE : SOME),
    })),
    invalid: { count: 9, records: [{ user_id: "a", task_id: null, byte: 7, reason: "task_id is missing" }] },
    stuck: {
      ...{ count: 12, afterSeconds: 86_400 },
      tasks: [
        {
          user_id: "a",
          task_id: "t\u001b",
          status: "run",
          updated_at: "2026-11-20T00:00:00+00:00",
          ageSeconds: 400_000,
        },
      ],
    },
    disk: {
      ...{ ...BYTES, sharedLogBytes: 10, unowned: BYTES, unread: 2 },
      byStatus: { wait: BYTES, run: BYTES, done: BYTES, error: BYTES, other: BYTES },
    },
    cleanup: { tasks: 4, files: 7, bytes: 10_068 },
    ...more,
  };
}

function text(width: number | null, level: 0 | 1, stats = statsOf(), wide = false): string {
  return statsText(stats, {
    width,
    colors: new Chalk({ level }),
    wide,
    height: null,
    hour: (iso) => iso.slice(11, 13),
  });
}

describe("stats for people", () => {
  it.each([80, 120, 200])("fit %i columns, and more room is used", (width) => {
    const lines = text(width, 0).split("\n");
    const tables = lines.filter((line) => !/^(stuck|invalid|disk|dangling) /.test(line));
    for (const line of tables) expect(stringWidth(line)).toBeLessThanOrEqual(width);
    const bars = lines.find((line) => line.startsWith("1000000 |"))!;
    expect(bars.length).toBeGreaterThan(width * 0.75 - 10);
  });

  it("say the same in colour, and can't control a terminal", () => {
    const plain = text(80, 0);
    const colored = text(80, 1);
    expect(colored).toContain("\u001b[32m");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is colours that go
    expect(colored.replace(/\u001b\[\d+m/g, "")).toBe(plain);
    for (const unsafe of ["\u001b", "\u202e"]) expect(plain).not.toContain(unsafe);
  });
});
