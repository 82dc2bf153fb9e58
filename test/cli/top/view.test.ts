import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import type { Counted, Listed, Mode, Row, TopState } from "../../../src/cli/top/model.ts";
import { view } from "../../../src/cli/top/view.ts";
import { NO_COLORS } from "../../../src/render/table.ts";

const STYLE = { colors: NO_COLORS, clock: () => "01:08:12", every: 2 };
const HOSTILE = [
  ..."abc 用户😀ｱ\u0301",
  ...[
    "\u001b[31m",
    "\u001b]0;owned\u0007",
    "\u202e",
    "\u200b",
    "\n",
    "\t",
    "\ud800",
    "👩‍👩‍👧",
    "ไทย",
    "\u3164",
    "\u009b",
  ],
];
const text = fc.array(fc.constantFrom(...HOSTILE), { maxLength: 60 }).map((parts) => parts.join(""));
const row: fc.Arbitrary<Row> = fc.record({
  userId: text,
  taskId: text,
  status: fc.constantFrom("wait", "run", "done", "error", "odd\u001b[5m", "constructor"),
  error: text,
  score: fc.double({ min: 0, max: 2000, noNaN: true }),
});
const named = fc.record({
  user_id: text,
  task_id: text,
  status: fc.constant("run"),
  updated_at: text,
  ageSeconds: fc.nat(),
});
const listed: fc.Arbitrary<Listed> = fc.record({
  at: fc.constant(1000),
  rows: fc.array(row, { maxLength: 30 }),
  total: fc.nat(),
  source: fc.constantFrom("redis", "file", "mixed"),
  rate: fc.option(fc.record({ created: fc.nat(), finished: fc.nat(), failed: fc.nat() })),
  notes: fc.array(text, { maxLength: 3 }),
});
const BY_STATUS = { wait: 2, run: 1, done: 3, error: 4, other: 5 };
const counted: fc.Arbitrary<Counted> = fc.record({
  at: fc.constant(1000),
  failures: fc.array(row, { maxLength: 5 }),
  stats: fc.record({
    total: fc.nat(),
    users: fc.nat(),
    byStatus: fc.constant(BY_STATUS),
    ages: fc.constant([{ upTo: 3600, total: 15, ...BY_STATUS }]),
    oldestWaiting: fc.option(named),
    stuck: fc.record({ count: fc.nat(), afterSeconds: fc.nat(), tasks: fc.array(named, { maxLength: 3 }) }),
  }),
});
/** The lines of an open task come from the tables of `get`, without control characters but colours. */
const line = fc
  .array(fc.constantFrom("a", "用", "\u001b[32mdone\u001b[39m", " "), { maxLength: 50 })
  .map((parts) => parts.join(""));
const plain: fc.Arbitrary<Mode> = fc.oneof(
  fc.constant<Mode>({ kind: "list" }),
  fc.constant<Mode>({ kind: "help" }),
  fc.record({
    kind: fc.constant("task" as const),
    row,
    lines: fc.option(fc.array(line, { maxLength: 80 })),
    from: fc.nat({ max: 100 }),
  }),
);
const mode: fc.Arbitrary<Mode> = fc.oneof(
  plain,
  fc.record({ kind: fc.constant("prompt" as const), of: fc.constantFrom("user" as const, "status" as const), text }),
  fc.record({ kind: fc.constant("mark" as const), row, text, back: plain }),
  fc.record({ kind: fc.constant("delete" as const), row, back: plain }),
);
const state: fc.Arbitrary<TopState> = fc.record({
  rows: fc.integer({ min: 1, max: 60 }),
  readOnly: fc.boolean(),
  filter: fc.record({ user: text, status: text }),
  listed: fc.option(listed),
  counted: fc.option(counted),
  chosen: fc.option(row),
  at: fc.nat({ max: 29 }),
  mode,
  busy: fc.option(text),
  said: fc.array(text, { maxLength: 3 }),
});

const ESCAPE = "\u001b";

describe("the screen of top", () => {
  it("is never wider or higher than the terminal, and no text of a task steers it", () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 220 }), fc.integer({ min: 1, max: 70 }));
    fc.assert(
      fc.property(state, sizes, (state, [columns, rows]) => {
        const lines = view(state, { columns, rows }, STYLE);
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
        const shown = lines.join("").replaceAll(`${ESCAPE}[32m`, "").replaceAll(`${ESCAPE}[39m`, "");
        expect(shown).not.toMatch(/[\p{Cc}\u202e\u200b\u3164]/u);
      }),
      { numRuns: 300 },
    );
  });
});
