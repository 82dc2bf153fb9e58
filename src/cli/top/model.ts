import { isDeepStrictEqual } from "node:util";
import { isPrintable } from "../../printable.ts";
import { memberOf } from "../../task/ids.ts";
import { isUnfinished } from "../../task/status.ts";
import type { Change, Counted, Listed, Row } from "./readings.ts";

/** As they were typed: a user id, and status words. */
export type FilterTexts = { readonly user: string; readonly status: string };

export type Question =
  | { readonly kind: keyof FilterTexts; readonly text: string }
  | { readonly kind: Change["kind"]; readonly row: Row; readonly text: string };

/** The screen. `run.ts` puts in what was read, and keys change the rest. */
export class TopState {
  listed: Listed | null = null;
  counted: Counted | null = null;
  /** The task that is chosen in the list, and its place if the task is gone. */
  chosen: Row | null = null;
  at = 0;
  /** The open task, in lines for the screen's width, with colours; null until they are read. */
  task: { readonly row: Row; readonly lines: readonly string[] | null; readonly from: number } | null = null;
  isHelp = false;
  question: Question | null = null;
  busy: string | null = null;
  /** How the last change went, with its warnings, or why a key did nothing; until the next key, or a list with other warnings. */
  said: readonly string[] = [];

  constructor(
    public rows: number,
    public filter: FilterTexts,
    readonly readOnly: boolean,
  ) {}
}

export interface Actions {
  read(): void;
  open(row: Row): void;
  filter(filter: FilterTexts): void;
  change(row: Row, change: Change): void;
  quit(): void;
}

/** Lines around an open task. */
export const TASK_FRAME = 2;
export const DEFAULT_MARK = "queued";

export function sameTask(a: Row, b: Row): boolean {
  return a.userId === b.userId && a.taskId === b.taskId;
}

/** The chosen task stays chosen where it moves; if it is gone, its place is. A result stays, but not the warnings of an older state. */
export function showList(state: TopState, listed: Listed): void {
  if (!isDeepStrictEqual(state.listed?.notes ?? listed.notes, listed.notes)) state.said = state.said.slice(0, 1);
  const { chosen } = state;
  const found = chosen === null ? -1 : listed.rows.findIndex((row) => sameTask(row, chosen));
  state.listed = listed;
  choose(state, found >= 0 ? found : state.at);
}

function choose(state: TopState, place: number): void {
  const rows = state.listed?.rows ?? [];
  state.at = Math.max(0, Math.min(place, rows.length - 1));
  state.chosen = rows[state.at] ?? null;
}

/** @param key the character that was typed, or the name of another key @param isPasted whether it must not act as a command */
export function onKey(state: TopState, key: string, actions: Actions, isPasted: boolean): void {
  const takesText = state.question !== null && state.question.kind !== "delete";
  if (isPasted && !(takesText && isOneCharacter(key))) return;
  state.said = [];
  if (key === "ctrl-c") actions.quit();
  else if (state.question !== null) answer(state, state.question, key, actions);
  else if (state.isHelp) state.isHelp = false;
  else if (state.task !== null) inTask(state, state.task, key);
  else inList(state, key, actions);
}

function answer(state: TopState, question: Question, key: string, actions: Actions): void {
  state.question = null;
  if (question.kind === "delete" && key.toLowerCase() === "y") {
    state.task = null;
    begin(state, question.row, { kind: "delete" }, actions);
  } else if (question.kind === "delete") {
    state.said = [`${memberOf(question.row)} is kept`];
  } else if (key === "enter") {
    const { kind, text } = question;
    if (kind === "mark") begin(state, question.row, { kind, status: text || DEFAULT_MARK }, actions);
    else actions.filter({ ...state.filter, [kind]: text.trim() });
  } else if (key !== "escape") state.question = { ...question, text: typed(question.text, key) };
}

function begin(state: TopState, row: Row, change: Change, actions: Actions): void {
  state.busy = `${change.kind === "delete" ? "deleting" : "marking"} ${memberOf(row)}`;
  actions.change(row, change);
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

function inList(state: TopState, key: string, actions: Actions): void {
  const { at, filter, chosen } = state;
  const place = placeAfter(key, at, Math.max(1, state.rows - 14)); // a guess, because the head's height varies
  if (place !== undefined) choose(state, place);
  else if (key === "/") state.question = { kind: "user", text: filter.user };
  else if (key === "f") state.question = { kind: "status", text: filter.status };
  else if (key === "escape" && filter.user + filter.status !== "") actions.filter({ user: "", status: "" });
  else if (key === "r") actions.read();
  else if (key === "enter" && chosen !== null) {
    state.task = { row: chosen, lines: null, from: 0 };
    actions.open(chosen);
  } else if (key === "?") state.isHelp = true;
  else if (key === "q") actions.quit();
  else if (chosen !== null) ask(state, key, chosen);
}

function inTask(state: TopState, task: NonNullable<TopState["task"]>, key: string): void {
  const room = Math.max(1, state.rows - TASK_FRAME);
  const last = Math.max(0, (task.lines?.length ?? 0) - room);
  const from = placeAfter(key, task.from, room);
  if (from !== undefined) state.task = { ...task, from: Math.max(0, Math.min(from, last)) };
  else if (["q", "escape", "enter", "backspace", "left"].includes(key)) state.task = null;
  else ask(state, key, task.row);
}

function ask(state: TopState, key: string, row: Row): void {
  if (key !== "m" && key !== "d") return;
  if (state.readOnly) state.said = ["--read-only: nothing is changed"];
  else if (state.busy !== null) state.said = [`still ${state.busy}`];
  else if (key === "d" && isUnfinished(row.status))
    state.said = [`${memberOf(row)} is kept: its status is ${row.status}, so it may still be worked on`];
  else state.question = { kind: key === "d" ? "delete" : "mark", row, text: "" };
}

function isOneCharacter(key: string): boolean {
  return [...key].length === 1;
}

function typed(text: string, key: string): string {
  if (key === "ctrl-u") return "";
  if (key === "backspace") return text.slice(0, [...new Intl.Segmenter().segment(text)].at(-1)?.index ?? 0);
  return isOneCharacter(key) && isPrintable(key) && text.length < 500 ? text + key : text;
}
