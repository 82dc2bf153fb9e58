import type { ChalkInstance } from "chalk";
import Table from "cli-table3";
import cliTruncate from "cli-truncate";
import stringWidth from "string-width";
import type { Task } from "../task/task.ts";
import { itemFields, statusText } from "./item.ts";
import { printable } from "./printable.ts";

export interface TableStyle {
  /** Columns of the terminal; null where there is none, and nothing is cut. */
  readonly width: number | null;
  readonly chalk: ChalkInstance;
}

const NO_BORDERS = {
  ...{ top: "", "top-mid": "", "top-left": "", "top-right": "", bottom: "", "bottom-mid": "", "bottom-left": "" },
  ...{ "bottom-right": "", left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " },
};

/** Tasks for people; `wide` adds what else they ask for. */
export function taskTable(tasks: readonly Task[], wide: boolean, style: TableStyle): string {
  const head = ["USER", "TASK", "STATUS", "UPDATED", ...(wide ? ["CREATED", "RESULT", "TEXT"] : []), "ERROR"];
  const rows = tasks.map((task) => {
    const fields = itemFields(task);
    const more = wide
      ? [task.createdAt, String(fields.get("result_path") ?? ""), String(fields.get("text") ?? "")]
      : [];
    return [task.userId, task.taskId, statusText(task), task.updatedAt, ...more, task.error].map(printable);
  });
  return table(head, rows, style, (text, column) => (column === STATUS_COLUMN ? colored(text, style) : text));
}

const STATUS_COLUMN = 2;

/** Names and values, one pair a line. */
export function pairTable(pairs: readonly (readonly string[])[], style: TableStyle): string {
  return table(
    null,
    pairs.map((pair) => pair.map(printable)),
    style,
  );
}

/** Rows under a head, cut to the terminal: the widest columns give way first. */
export function table(
  head: readonly string[] | null,
  rows: readonly (readonly string[])[],
  style: TableStyle,
  paint: (text: string, column: number) => string = (text) => text,
): string {
  const all = head === null ? rows : [head, ...rows];
  const widths = fitWidths(columnWidths(all), style.width);
  const layout = new Table({
    chars: NO_BORDERS,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  all.forEach((row, i) => {
    const isHead = head !== null && i === 0;
    const cut = row.map((text, column) => truncated(text, widths[column]!));
    layout.push(cut.map((text, column) => (isHead ? style.chalk.bold(text) : paint(text, column))));
  });
  const lines = layout
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
  return all.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** cli-truncate lets a wide character at the end stand out by one column. */
function truncated(text: string, width: number): string {
  const cut = cliTruncate(text, width);
  return stringWidth(cut) > width ? cliTruncate(text, width - 1) : cut;
}

const STATUS_COLORS = { wait: "yellow", run: "cyan", done: "green", error: "red" } as const;

function colored(text: string, { chalk }: TableStyle): string {
  return text in STATUS_COLORS ? chalk[STATUS_COLORS[text as keyof typeof STATUS_COLORS]](text) : text;
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((text, column) => {
      widths[column] = Math.max(widths[column] ?? 1, stringWidth(text));
    });
  }
  return widths;
}

/** The widest column from `first` on that can still give way. */
function widestOf(widths: readonly number[], first: number): number | undefined {
  const most = Math.max(...widths.slice(first));
  return most > NARROWEST ? widths.indexOf(most, first) : undefined;
}

const KEPT = 2;
const GAP = 2;
const NARROWEST = 6;

/** Column widths that fit: the widest is narrowed first, and the first columns, which say what a row is, last. */
export function fitWidths(widths: readonly number[], available: number | null): number[] {
  const fitted = [...widths];
  if (available === null) return fitted;
  let excess = fitted.reduce((sum, width) => sum + width + GAP, -GAP) - available;
  while (excess > 0) {
    const widest = widestOf(fitted, KEPT) ?? widestOf(fitted, 0);
    if (widest === undefined) break;
    fitted[widest]!--;
    excess--;
  }
  return fitted;
}
