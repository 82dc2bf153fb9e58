import type { StatsResult } from "../../operations/stats/types.ts";
import { isPrintable } from "../../printable.ts";
import { memberOf } from "../../task/ids.ts";

/** A task in a list, without its record. */
export interface Row {
  readonly userId: string;
  readonly taskId: string;
  /** The shown word, else the service's own. */
  readonly status: string;
  readonly error: string;
  /** `updated_at`, epoch seconds. */
  readonly score: number;
}

/** The newest tasks that pass the filter, and what the last minute brought. */
export interface Listed {
  /** Epoch seconds. */
  readonly at: number;
  readonly rows: readonly Row[];
  readonly total: number;
  readonly source: StatsResult["source"];
  /** Of the last minute; null if it had too many changes to count. */
  readonly rate: { readonly created: number; readonly finished: number; readonly failed: number } | null;
  /** Warnings and errors: such as that Redis is down. */
  readonly notes: readonly string[];
}

export interface Counted {
  readonly at: number;
  readonly stats: Pick<StatsResult, "total" | "users" | "byStatus" | "ages" | "oldestWaiting" | "stuck">;
  /** The newest ones. */
  readonly failures: readonly Row[];
}

/** As they were typed: a user id, and status words. */
export interface FilterTexts {
  readonly user: string;
  readonly status: string;
}

export type Change = { readonly kind: "delete" } | { readonly kind: "mark"; readonly status: string };

/** What the keys are for. */
export type Mode =
  | { readonly kind: "list" }
  | { readonly kind: "help" }
  /** Lines for the screen's width, with colours; null until they are read. */
  | { readonly kind: "task"; readonly row: Row; readonly lines: readonly string[] | null; readonly from: number }
  | { readonly kind: "prompt"; readonly of: keyof FilterTexts; readonly text: string }
  | { readonly kind: "mark"; readonly row: Row; readonly text: string; readonly back: Mode }
  | { readonly kind: "delete"; readonly row: Row; readonly back: Mode };

export interface TopState {
  readonly rows: number;
  readonly readOnly: boolean;
  readonly filter: FilterTexts;
  readonly listed: Listed | null;
  readonly counted: Counted | null;
  /** The task that is chosen in the list, and its place if the task is gone. */
  readonly chosen: Row | null;
  readonly at: number;
  readonly mode: Mode;
  /** A change that is under way. */
  readonly busy: string | null;
  /** How the last change went, or why a key did nothing; until the next key. */
  readonly said: readonly string[];
}

export type TopEvent =
  | { readonly kind: "size"; readonly rows: number }
  /** The character that was typed, or the name of another key. */
  | { readonly kind: "key"; readonly key: string }
  /** A key of a pasted text, which must not act as a command. */
  | { readonly kind: "pasted"; readonly key: string }
  | { readonly kind: "listed"; readonly listed: Listed }
  /** The list couldn't be read. */
  | { readonly kind: "unlisted"; readonly note: string }
  | { readonly kind: "counted"; readonly counted: Counted }
  | { readonly kind: "task"; readonly row: Row; readonly lines: readonly string[] }
  | { readonly kind: "filtered"; readonly filter: FilterTexts }
  | { readonly kind: "refused"; readonly why: string }
  /** A change ended. */
  | { readonly kind: "changed"; readonly lines: readonly string[] };

/** What the shell is to do. */
export type TopEffect =
  | { readonly kind: "read" }
  | { readonly kind: "open"; readonly row: Row }
  | { readonly kind: "filter"; readonly filter: FilterTexts }
  | { readonly kind: "change"; readonly row: Row; readonly change: Change }
  | { readonly kind: "quit" };

interface Next {
  readonly state: TopState;
  readonly effect?: TopEffect;
}

export function newState(rows: number, filter: FilterTexts, readOnly: boolean): TopState {
  const nothing = { listed: null, counted: null, chosen: null, at: 0, busy: null, said: [] };
  return { rows, readOnly, filter, mode: LIST, ...nothing };
}

/** How many tasks a page key passes: a guess, because the head's height varies. */
const FRAME = 14;
/** Lines around an open task. */
export const TASK_FRAME = 2;
export const DEFAULT_MARK = "queued";

export function nameOf({ userId, taskId }: Pick<Row, "userId" | "taskId">): string {
  return memberOf(userId, taskId);
}

export function sameTask(a: Row, b: Row): boolean {
  return a.userId === b.userId && a.taskId === b.taskId;
}

/** Pure: the shell reads, changes tasks and draws. */
export function next(state: TopState, event: TopEvent): Next {
  switch (event.kind) {
    case "size":
      return { state: { ...state, rows: event.rows } };
    case "key":
      return onKey({ ...state, said: [] }, event.key);
    case "pasted": {
      const isText = [...event.key].length === 1;
      const { kind } = state.mode;
      return isText && (kind === "prompt" || kind === "mark") ? onKey(state, event.key) : { state };
    }
    case "listed":
      return { state: withList(state, event.listed) };
    case "unlisted": {
      if (state.listed === null) return { state: { ...state, said: [event.note] } };
      return { state: { ...state, listed: { ...state.listed, notes: [event.note] } } };
    }
    case "counted":
      return { state: { ...state, counted: event.counted } };
    case "task":
      return { state: { ...state, mode: withTask(state.mode, event.row, event.lines) } };
    case "filtered":
      return { state: { ...state, filter: event.filter, chosen: null, at: 0, listed: null }, effect: { kind: "read" } };
    case "refused":
      return { state: { ...state, said: [event.why] } };
    case "changed":
      return { state: { ...state, busy: null, said: event.lines }, effect: { kind: "read" } };
  }
}

/** The chosen task stays chosen where it moves; if it is gone, its place is. */
function withList(state: TopState, listed: Listed): TopState {
  const { chosen } = state;
  const found = chosen === null ? -1 : listed.rows.findIndex((row) => sameTask(row, chosen));
  return choose({ ...state, listed }, found >= 0 ? found : state.at);
}

function choose(state: TopState, place: number): TopState {
  const rows = state.listed?.rows ?? [];
  const at = Math.max(0, Math.min(place, rows.length - 1));
  return { ...state, at, chosen: rows[at] ?? null };
}

/** Also for a task that is open behind a question. */
function withTask(mode: Mode, row: Row, lines: readonly string[]): Mode {
  if (mode.kind === "mark" || mode.kind === "delete") return { ...mode, back: withTask(mode.back, row, lines) };
  return mode.kind === "task" && sameTask(mode.row, row) ? { ...mode, lines } : mode;
}

function onKey(state: TopState, key: string): Next {
  if (key === "ctrl-c") return { state, effect: { kind: "quit" } };
  const { mode } = state;
  switch (mode.kind) {
    case "list":
      return inList(state, key);
    case "help":
      return inMode(state, LIST);
    case "task":
      return inTask(state, mode, key);
    case "prompt":
    case "mark": {
      const back = mode.kind === "mark" ? mode.back : LIST;
      const typed = typing(mode.text, key);
      if (typed === "cancel") return inMode(state, back);
      if (typed !== "enter") return inMode(state, { ...mode, ...typed });
      if (mode.kind === "mark") return change(state, mode, { kind: "mark", status: mode.text || DEFAULT_MARK });
      const filter = { ...state.filter, [mode.of]: mode.text.trim() };
      return { ...inMode(state, back), effect: { kind: "filter", filter } };
    }
    case "delete":
      if (key === "y" || key === "Y") return change(state, { ...mode, back: LIST }, { kind: "delete" });
      return inMode({ ...state, said: [`${nameOf(mode.row)} is kept`] }, mode.back);
  }
}

const LIST: Mode = { kind: "list" };

function inMode(state: TopState, mode: Mode): Next {
  return { state: { ...state, mode } };
}

function change(state: TopState, { row, back }: { row: Row; back: Mode }, change: Change): Next {
  const busy = `${change.kind === "delete" ? "deleting" : "marking"} ${nameOf(row)}`;
  return { state: { ...state, mode: back, busy }, effect: { kind: "change", row, change } };
}

/** The place that a key moves to, which may be outside the list; undefined for another key. */
function placeAfter(key: string, at: number, page: number): number | undefined {
  if (key === "up" || key === "k") return at - 1;
  if (key === "down" || key === "j") return at + 1;
  if (key === "pageup") return at - page;
  if (key === "pagedown" || key === " ") return at + page;
  if (key === "home" || key === "g") return 0;
  return key === "end" || key === "G" ? Number.MAX_SAFE_INTEGER : undefined;
}

function inList(state: TopState, key: string): Next {
  const { at, filter, chosen } = state;
  const place = placeAfter(key, at, Math.max(1, state.rows - FRAME));
  if (place !== undefined) return { state: choose(state, place) };
  const prompt = (of: keyof FilterTexts) => inMode(state, { kind: "prompt", of, text: filter[of] });
  switch (key) {
    case "/":
      return prompt("user");
    case "f":
      return prompt("status");
    case "escape":
      if (filter.user === "" && filter.status === "") return { state };
      return { state, effect: { kind: "filter", filter: { user: "", status: "" } } };
    case "r":
      return { state, effect: { kind: "read" } };
    case "enter": {
      if (chosen === null) return { state };
      const opened = inMode(state, { kind: "task", row: chosen, lines: null, from: 0 });
      return { ...opened, effect: { kind: "open", row: chosen } };
    }
    case "?":
      return inMode(state, { kind: "help" });
    case "q":
      return { state, effect: { kind: "quit" } };
    default:
      return ask(state, key, chosen);
  }
}

function inTask(state: TopState, mode: Extract<Mode, { kind: "task" }>, key: string): Next {
  const room = Math.max(1, state.rows - TASK_FRAME);
  const last = Math.max(0, (mode.lines?.length ?? 0) - room);
  const from = placeAfter(key, mode.from, room);
  if (from !== undefined) return inMode(state, { ...mode, from: Math.max(0, Math.min(from, last)) });
  if (["q", "escape", "enter", "backspace", "left"].includes(key)) return inMode(state, LIST);
  return ask(state, key, mode.row);
}

/** `m` and `d`. */
function ask(state: TopState, key: string, row: Row | null): Next {
  if ((key !== "m" && key !== "d") || row === null) return { state };
  if (state.readOnly) return { state: { ...state, said: ["--read-only: nothing is changed"] } };
  if (state.busy !== null) return { state: { ...state, said: [`still ${state.busy}`] } };
  const back = state.mode;
  return inMode(state, key === "d" ? { kind: "delete", row, back } : { kind: "mark", row, text: "", back });
}

/** The longest text of a prompt. */
const LONGEST = 500;

/** A prompt's text after a key, or how it ended. */
function typing(text: string, key: string): { readonly text: string } | "enter" | "cancel" {
  if (key === "enter") return "enter";
  if (key === "escape") return "cancel";
  if (key === "ctrl-u") return { text: "" };
  if (key === "backspace") {
    const parts = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
    return { text: parts.slice(0, -1).join("") };
  }
  const isTyped = [...key].length === 1 && isPrintable(key);
  return { text: isTyped && text.length < LONGEST ? text + key : text };
}
