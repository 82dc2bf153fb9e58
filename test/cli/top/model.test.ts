import { describe, expect, it } from "vitest";
import { type Listed, newState, next, type Row, type TopEffect, type TopState } from "../../../src/cli/top/model.ts";

const ALL = { user: "", status: "" };

function row(taskId: string, status = "done"): Row {
  return { userId: "alice", taskId, status, error: "", score: 1 };
}

function listed(...rows: Row[]): Listed {
  return { at: 100, rows, total: rows.length, source: "redis", rate: null, notes: [] };
}

/** A screen of 24 rows with a list. */
function withRows(...rows: Row[]): TopState {
  return next(newState(24, ALL, false), { kind: "listed", listed: listed(...rows) }).state;
}

const FIVE = ["t1", "t2", "t3", "t4", "t5"].map((id) => row(id));

/** Presses keys, and returns the last state and all effects. */
function press(state: TopState, ...keys: string[]): { state: TopState; effects: TopEffect[] } {
  const effects: TopEffect[] = [];
  let now = state;
  for (const key of keys) {
    const { state: after, effect } = next(now, { kind: "key", key });
    now = after;
    if (effect !== undefined) effects.push(effect);
  }
  return { state: now, effects };
}

const type = (text: string) => [...text];

it("takes pasted text in a prompt only, and never as a command", () => {
  const paste = (state: TopState, ...keys: string[]) => {
    return keys.reduce((now, key) => next(now, { kind: "pasted", key }).state, state);
  };
  const list = withRows(...FIVE);
  expect(paste(list, "d", "y", "m", "enter", "ctrl-c", "q")).toBe(list);
  const prompt = press(list, "/").state;
  expect(paste(prompt, "b", "o", "enter", "escape", "b").mode).toEqual({ kind: "prompt", of: "user", text: "bob" });
  const asked = press(list, "d").state;
  expect(paste(asked, "y", "n")).toBe(asked);
});

describe("the list", () => {
  it.each([
    [["j"], "t2"],
    [["down", "down", "k"], "t2"],
    [["up"], "t1"],
    [["G"], "t5"],
    [["end", "j"], "t5"],
    [["G", "g"], "t1"],
    [["pagedown"], "t5"],
    [["G", "pageup"], "t1"],
  ])("moves by %j to %s", (keys, task) => {
    expect(press(withRows(...FIVE), ...keys).state.chosen?.taskId).toBe(task);
  });

  it("keeps the chosen task where it moves, and its place where it is gone", () => {
    const { state } = press(withRows(...FIVE), "j", "j");
    const moved = next(state, { kind: "listed", listed: listed(row("new"), ...FIVE) }).state;
    expect([moved.chosen?.taskId, moved.at]).toEqual(["t3", 3]);
    const gone = next(moved, { kind: "listed", listed: listed(row("new"), row("t1"), row("t5")) }).state;
    expect([gone.chosen?.taskId, gone.at]).toEqual(["t5", 2]);
    const empty = next(gone, { kind: "listed", listed: listed() }).state;
    expect([empty.chosen, empty.at]).toEqual([null, 0]);
    expect(press(empty, "enter", "d", "m", "j", "G").effects).toEqual([]);
  });

  it("opens, reads again and quits", () => {
    const state = withRows(...FIVE);
    expect(press(state, "enter").effects).toEqual([{ kind: "open", row: FIVE[0] }]);
    expect(press(state, "r").effects).toEqual([{ kind: "read" }]);
    expect(press(state, "q").effects).toEqual([{ kind: "quit" }]);
    expect(press(state, "?", "x").state.mode).toEqual({ kind: "list" });
    expect(press(state, "?").state.mode).toEqual({ kind: "help" });
  });
});

describe("a filter", () => {
  it("is typed, with what was there before, and all is shown again after Esc", () => {
    const { state, effects } = press(withRows(...FIVE), "/", ...type("用户 q"), "backspace", "backspace", "enter");
    expect(effects).toEqual([{ kind: "filter", filter: { user: "用户", status: "" } }]);
    const filtered = next(state, { kind: "filtered", filter: { user: "用户", status: "" } });
    expect(filtered).toMatchObject({ effect: { kind: "read" }, state: { listed: null, chosen: null } });
    const both = press(filtered.state, "f", ...type("run,error"), "enter");
    expect(both.effects).toEqual([{ kind: "filter", filter: { user: "用户", status: "run,error" } }]);
    expect(press(filtered.state, "/", "ctrl-u", "enter").effects).toEqual([{ kind: "filter", filter: ALL }]);
    expect(press(filtered.state, "escape").effects).toEqual([{ kind: "filter", filter: ALL }]);
    expect(press(withRows(...FIVE), "escape").effects).toEqual([]);
  });
});

describe("a change", () => {
  it("of a status begins after Enter, with the word that was typed", () => {
    const state = withRows(...FIVE);
    const queued = press(state, "m", "enter");
    expect(queued.effects).toEqual([{ kind: "change", row: FIVE[0], change: { kind: "mark", status: "queued" } }]);
    expect(queued.state.busy).toBe("marking alice:t1");
    const word = press(state, "m", ...type("error"), "enter");
    expect(word.effects).toEqual([{ kind: "change", row: FIVE[0], change: { kind: "mark", status: "error" } }]);
    expect(press(state, "m", "escape")).toMatchObject({ effects: [], state: { mode: { kind: "list" }, busy: null } });
  });

  it("is of the task that was asked about, whatever the list shows since", () => {
    const asked = press(withRows(...FIVE), "d").state;
    const { state } = next(asked, { kind: "listed", listed: listed(row("new"), row("t9")) });
    expect(press(state, "y").effects).toEqual([{ kind: "change", row: FIVE[0], change: { kind: "delete" } }]);
  });

  it("is refused with --read-only", () => {
    const readOnly = { ...withRows(...FIVE), readOnly: true };
    for (const key of ["m", "d"]) {
      const { effects, state } = press(readOnly, key, "y", "enter");
      expect(effects.filter(({ kind }) => kind === "change")).toEqual([]);
      expect(state.busy).toBeNull();
    }
    expect(press(readOnly, "d").state).toMatchObject({
      mode: { kind: "list" },
      said: [expect.stringContaining("--read-only")],
    });
  });
});

describe("an open task", () => {
  const LINES = Array.from({ length: 100 }, (_, i) => `line ${i}`);
  const opened = () => {
    const { state } = press(withRows(...FIVE), "enter");
    return next(state, { kind: "task", row: FIVE[0]!, lines: LINES }).state;
  };
  const from = ({ mode }: TopState) => (mode.kind === "task" ? mode.from : null);

  it("scrolls within its lines", () => {
    expect(from(press(opened(), "j", "j", "k").state)).toBe(1);
    expect(from(press(opened(), "pagedown").state)).toBe(22);
    expect(from(press(opened(), "G", "j").state)).toBe(78);
    expect(from(press(opened(), "G", "g", "k").state)).toBe(0);
  });

  it("keeps its place when it is read again, and ignores what was read of another", () => {
    const scrolled = press(opened(), "pagedown").state;
    const again = next(scrolled, { kind: "task", row: FIVE[0]!, lines: [...LINES, "more"] }).state;
    expect(again.mode).toMatchObject({ from: 22, lines: [...LINES, "more"] });
    expect(next(scrolled, { kind: "task", row: FIVE[1]!, lines: [] }).state).toEqual(scrolled);
    const asking = press(scrolled, "m").state;
    const behind = next(asking, { kind: "task", row: FIVE[0]!, lines: ["new"] }).state;
    expect(press(behind, "escape").state.mode).toMatchObject({ kind: "task", lines: ["new"] });
  });
});

it("an error keeps what was read before, and says what is wrong", () => {
  const { state } = next(withRows(...FIVE), { kind: "unlisted", note: "error: cut" });
  expect(state.listed).toMatchObject({ rows: FIVE, notes: ["error: cut"] });
  const unread = next(newState(24, ALL, false), { kind: "unlisted", note: "error: cut" }).state;
  expect(unread).toMatchObject({ listed: null, said: ["error: cut"] });
});
