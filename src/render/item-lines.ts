import type { PlanSummary } from "../operations/brake.ts";
import type { DeleteResult } from "../operations/delete.ts";
import type { DoneItems } from "../operations/reporter.ts";
import { isPrintable, printable, printableJson } from "../printable.ts";
import { counted, firstOf, formatAge } from "../task/amounts.ts";
import { memberOf } from "../task/ids.ts";
import { cut, widthOf } from "./width.ts";

type LogFields = Readonly<Record<string, string | number | boolean | null>>;

export interface LogEvent {
  readonly level: "info" | "warn" | "error";
  readonly msg: string;
  readonly fields?: LogFields;
}

/** In the order of a line. */
const FIELDS = ["userId", "taskId", "path", "reason", "from", "to", "local", "redis", "files", "bytes"];
const WORDS = { cleanup: "purged", mark: "marked", orphan: "removed" } as const;

function fieldsOf(item: object): [name: string, value: LogFields[string]][] {
  const values = item as LogFields;
  return FIELDS.filter((key) => key in values).map((key) => [key.replace(/Id$/, ""), values[key]!]);
}

/** A line such as `[CLEANUP] user=alice task=t01 ...` (docs/contract.md, Cleanup). */
export function doneLine<E extends keyof DoneItems>(event: E, item: DoneItems[E], dryRun = false): string {
  let line = `[${event.toUpperCase()}]`;
  for (const [name, value] of fieldsOf(item)) line += ` ${name}=${wordOf(value)}`;
  return dryRun ? `${line} dry-run=yes` : line;
}

/** That line as a JSON object, for `--log-format json`. */
export function doneEvent<E extends keyof DoneItems>(event: E, item: DoneItems[E], dryRun: boolean): LogEvent {
  const msg = dryRun ? `would be ${WORDS[event]}` : WORDS[event];
  return { level: "info", msg, fields: { event, ...Object.fromEntries(fieldsOf(item)), dryRun } };
}

/** One printable word as it is, any other text as a JSON string. */
function wordOf(value: LogFields[string]): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "string" || /^[\w.-]+$/.test(value)) return String(value);
  return /^[^\s"=]+$/.test(value) && isPrintable(value) ? value : printableJson(value);
}

/** The first tasks of a plan and its counts by status, printed before the question. */
export function planLines({ count, refused, counts, first }: PlanSummary): string {
  const names = first.map((task) => `${printable(memberOf(task))} (${task.status})`);
  const byStatus = Object.entries(counts).map(([status, tasks]) => `${tasks} ${status}`);
  const kept = refused > 0 ? [`${counted(refused, "other chosen task")} refused`] : [];
  return `${[`  ${firstOf(names, count, "\n  ")}`, `in all ${count}: ${byStatus.join(", ")}`, ...kept].join("\n")}\n`;
}

/** Lines of a log with a head as of tail(1), and as a terminal would show them: of a progress bar only its end. */
export function* logText({ path, lines }: { path: string; lines: string[] }, withHead = true): Generator<string> {
  if (withHead) yield `==> ${printable(path)} <==\n`;
  for (const line of lines) yield `${printable(line.slice(line.lastIndexOf("\r") + 1))}\n`;
}

/** How many ids a line names. */
const NAMED = 20;

export function notFound(ids: readonly string[]): string {
  return `not found: ${firstOf(ids.slice(0, NAMED).map(printableJson), ids.length)}`;
}

type Changed = Pick<DeleteResult, "missing" | "refused" | "failed" | "returned">;

/** What a run left unchanged, and what was undone. */
export function unchangedLines({ missing, refused, failed, returned }: Changed, advice = "") {
  const how = "written back by the service, which holds the store in memory or writes it without a pause";
  return [
    missing.length > 0 && notFound(missing),
    refused.length > 0 && `${refused.length} refused`,
    failed > 0 && `${failed} failed`,
    returned > 0 && `${returned} ${how}${advice}`,
  ];
}

/** @param lines false for those that don't apply */
export function textOf(...lines: (string | false)[]): string {
  return `${lines.filter((line) => line !== false).join("\n")}\n`;
}

type Progress = { label: string; done: number; total: number; from: number; seconds: number };

/** One line of at most `width` columns: a bar if there is room, counts, pace since `from`, and remaining time. */
export function progressLine({ label, done, total, from, seconds }: Progress, width: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const rate = (done - from) / seconds;
  const pace = `${rate < 10 ? rate.toFixed(1) : grouped(Math.round(rate))}/s  ${formatAge((total - done) / rate)} left`;
  const isPaced = rate >= 0.05 && Number.isFinite(rate);
  const text = `${Math.floor(share * 100)}%  ${grouped(done)} of ${grouped(total)}${isPaced ? `  ${pace}` : ""}`;
  const room = Math.min(30, width - widthOf(label) - widthOf(text) - "  [] ".length);
  const full = Math.round(share * room);
  const bar = room < 8 ? "" : `[${"#".repeat(full)}${"-".repeat(room - full)}] `;
  return cut(`${label}  ${bar}${text}`, width);
}

function grouped(count: number): string {
  return count.toLocaleString("en");
}
