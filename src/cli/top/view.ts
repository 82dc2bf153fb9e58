import type { NamedTask } from "../../operations/stats/stats.ts";
import { printable } from "../../printable.ts";
import { relativeTime } from "../../render/item.ts";
import { type Colors, type Column, paintStatus, STATUS_COLORS, STATUSES, tableLines } from "../../render/table.ts";
import { cut, widthOf, wrap } from "../../render/width.ts";
import { counted, formatAge } from "../../task/amounts.ts";
import { memberOf } from "../../task/ids.ts";
import type { Size } from "../screen.ts";
import { DEFAULT_MARK, type Question, TASK_FRAME, type TopState } from "./model.ts";
import type { Counted, Listed } from "./readings.ts";

/** `clock`: a time of day in the service's zone. */
type TopStyle = { readonly colors: Colors; readonly clock: (epoch: number) => string; readonly every: number };

/** The lines of the screen: no more than its height, none wider than it. Texts of tasks are escaped. */
export function view(state: TopState, { columns, rows }: Size, style: TopStyle): string[] {
  const foot = footOf(state, { columns, rows }, style);
  const room = Math.max(0, rows - foot.length);
  const screen = state.task === null ? listOf(state, columns, room, style) : taskOf(state.task, room, style);
  const shown = (state.isHelp ? HELP : screen).slice(0, room);
  const lines = [...shown, ...Array<string>(room - shown.length).fill(""), ...foot];
  return lines.slice(0, rows).map((line) => cut(line, columns));
}

const HELP = [
  "Keys",
  "",
  "up, down, j, k         move; also page up and down, space, home and end (g, G)",
  "Enter                  open the task: record, files, log",
  "/                      only the tasks of a user",
  "f                      only tasks of some statuses, such as: run,error",
  "Esc                    clear the filter; in a task: back to the list",
  "m                      mark the task, such as queued to run it again",
  "d                      delete the task with audio and logs, after a confirmation",
  "r                      refresh now",
  "Ctrl-Z                 suspend; fg resumes",
  "q                      quit; in a task: back to the list",
  "Ctrl-C                 quit",
];

function keysOf({ task, isHelp, readOnly }: TopState): string {
  if (isHelp) return "any key: back";
  const changes = readOnly ? "" : "m mark  d delete  ";
  if (task !== null) return `up, down scroll  ${changes}q back`;
  return `Enter open  / user  f status  ${changes}r read  ? help  q quit`;
}

/** At most four lines of warnings and results, and the keys or a question. */
function footOf(state: TopState, { columns, rows }: Size, { colors }: TopStyle): string[] {
  const { question, said, busy, listed } = state;
  const wrapped = (texts: readonly string[]) => texts.flatMap((text) => wrap(printable(text), columns));
  const notes = wrapped(listed?.notes ?? []).map((line) => colors.yellow(line));
  const work = busy === null ? [] : [colors.cyan(printable(`${busy} ...`))];
  const results = wrapped(said).map((line) => colors.bold(line));
  const last = question === null ? colors.dim(keysOf(state)) : printable(questionText(question));
  return [...[...results, ...work, ...notes].slice(0, Math.max(0, Math.min(4, rows - 4))), last];
}

function questionText(question: Question): string {
  const { text } = question;
  if (!("row" in question))
    return `${question.kind === "user" ? "user" : "statuses, with commas"} (empty: all): ${text}_`;
  const task = `${memberOf(question.row)} (${question.row.status})`;
  if (question.kind === "delete") return `delete ${task} with audio and logs? y/N`;
  return `mark ${task} as (${DEFAULT_MARK}): ${text}_   Enter, or Esc`;
}

function taskOf({ row, lines, from }: NonNullable<TopState["task"]>, room: number, { colors }: TopStyle): string[] {
  if (lines === null) return [colors.dim(`reading ${printable(memberOf(row))} ...`)];
  const height = Math.max(0, room - (TASK_FRAME - 1));
  const first = Math.max(0, Math.min(from, lines.length - height));
  const shown = lines.slice(first, first + height);
  const place = colors.dim(`lines ${first + 1} to ${first + shown.length} of ${lines.length}`);
  return lines.length <= height ? [...shown] : [...shown, place];
}

/** The list has at least four lines: the head gives way. */
function listOf(state: TopState, columns: number, room: number, style: TopStyle): string[] {
  const head = headOf(state, columns, style).slice(0, Math.max(1, room - 4));
  const left = room - head.length;
  return left <= 0 ? head : [...head, ...tableOf(state, columns, left, style)];
}

function headOf({ listed, counted: counts, filter, rows }: TopState, columns: number, style: TopStyle): string[] {
  const failures = counts?.failures.slice(0, rows < 20 ? 1 : rows < 40 ? 3 : 5) ?? [];
  const shown = failures.map((row) => `${memberOf(row)}  ${relativeTime(counts!.at - row.score)}  ${row.error}`);
  const lines: [label: string, text: string][] = [
    ["all tasks", countsOf(counts, style)],
    ["last minute", ratesOf(listed, counts)],
    counts === null ? ["", ""] : ["oldest waiting", waitingOf(counts)],
    ...shown.map((text, i): [string, string] => [i === 0 ? "newest failures" : "", printable(text)]),
  ];
  const chosen = [filter.user && `user ${filter.user}`, filter.status && `status ${filter.status}`].filter(Boolean);
  return [
    titleOf(listed, columns, style),
    ...lines.map(([label, text]) => (label + text === "" ? "" : label.padEnd(17) + text)),
    ...(chosen.length > 0 ? [style.colors.bold(printable(`only ${chosen.join(", ")}; Esc shows all`))] : []),
    "",
  ].map((line) => cut(line, columns));
}

function titleOf(listed: Listed | null, columns: number, { colors, clock, every }: TopStyle): string {
  const name = "ttsctl top  ";
  if (listed === null) return `${colors.bold(name)}reading ...`;
  const { rows, total, source, at } = listed;
  const left = `${rows.length < total ? `the newest ${rows.length} of ` : ""}${counted(total, "task")}, from ${source}`;
  const right = `${clock(at)}, every ${formatAge(every)}`;
  const gap = Math.max(2, columns - widthOf(name + left + right));
  return `${colors.bold(name)}${left}${" ".repeat(gap)}${colors.dim(right)}`;
}

function countsOf(counts: Counted | null, { colors, clock }: TopStyle): string {
  if (counts === null) return "counting ...";
  const { byStatus } = counts.stats;
  const parts = STATUSES.filter((status) => status !== "other" || byStatus.other > 0).map((status) => {
    return colors[STATUS_COLORS[status]](`${status} ${byStatus[status]}`);
  });
  return `${parts.join("  ")}  ${colors.dim(`at ${clock(counts.at)}`)}`;
}

function ratesOf(listed: Listed | null, counts: Counted | null): string {
  const hour = counts?.stats.ages[0];
  const rate = listed?.rate;
  const minute = rate && `${rate.created} created, ${rate.finished} done, ${rate.failed} error`;
  const lately = hour && `hour: ${hour.done} done, ${hour.error} error`;
  return [listed && (minute ?? "too many changes to count"), lately].filter(Boolean).join("   ");
}

function waitingOf({ stats: { oldestWaiting, stuck } }: Counted): string {
  const oldest = oldestWaiting === null ? "none" : aged(oldestWaiting);
  const [first] = stuck.tasks;
  return `${oldest}   stuck: ${stuck.count}${stuck.count === 1 ? `, ${aged(first!)}` : ""}`;
}

function aged({ user_id, task_id, ageSeconds }: NamedTask): string {
  return printable(`${memberOf({ userId: user_id, taskId: task_id })} (${formatAge(ageSeconds)})`);
}

const COLUMNS: readonly Column[] = [
  { head: "USER", least: null, mayGo: false },
  { head: "TASK", least: null, mayGo: false },
  { head: "STATUS", least: 6, mayGo: true, paint: paintStatus },
  { head: "CHANGED", least: 7, mayGo: true },
  { head: "ERROR", least: 5, mayGo: true },
];

/** The tasks around the chosen one, as many as fit, with a mark at it. */
function tableOf({ listed, at }: TopState, columns: number, room: number, { colors }: TopStyle): string[] {
  if (listed === null) return [];
  if (listed.rows.length === 0) return [colors.dim("no tasks")];
  const height = Math.max(0, room - 1);
  const last = Math.max(0, listed.rows.length - height);
  const first = Math.max(0, Math.min(at - Math.floor(height / 2), last));
  const shown = listed.rows.slice(first, first + height);
  const cells = shown.map(({ userId, taskId, status, score, error }) => {
    return [userId, taskId, status, relativeTime(listed.at - score), error].map(printable);
  });
  const style = { width: Math.max(1, columns - MARK.length), colors };
  return tableLines(COLUMNS, cells, style).map((line, i) => {
    const isChosen = i > 0 && first + i - 1 === at;
    return isChosen ? colors.inverse(MARK + line.trimEnd()) : " ".repeat(MARK.length) + line.trimEnd();
  });
}

const MARK = "> ";
