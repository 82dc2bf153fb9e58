import Table from "cli-table3";
import { batches } from "../pool.ts";
import { printable } from "../printable.ts";
import { shownStatus } from "../task/status.ts";
import type { Task } from "../task/task.ts";
import { cellText, fieldOf, itemFields, KNOWN_FIELDS, type TimeTelling, timeText } from "./item.ts";
import { cut, widthOf } from "./width.ts";

const COLORS = ["bold", "dim", "inverse", "gray", "red", "green", "yellow", "cyan", "magenta"] as const;

export type Colors = Readonly<Record<(typeof COLORS)[number], (text: string) => string>>;

export const NO_COLORS = Object.fromEntries(COLORS.map((color) => [color, (text: string) => text])) as Colors;

export const STATUS_COLORS = { wait: "yellow", run: "cyan", done: "green", error: "red", other: "magenta" } as const;
/** The shown words, and `other` for the rest. */
export const STATUSES = Object.keys(STATUS_COLORS) as (keyof typeof STATUS_COLORS)[];

export interface TableStyle {
  /** Columns of the terminal; null in a pipe, for full width. */
  readonly width: number | null;
  readonly colors: Colors;
  /** Whether charts may have block characters: a terminal with colours and UTF-8. */
  readonly blocks?: boolean;
}

export interface Column extends Pick<Room, "least" | "mayGo"> {
  readonly head: string;
  readonly paint?: (text: string, style: TableStyle) => string;
  /** Right-aligned. */
  readonly isNumber?: boolean;
}

export type Rows = readonly (readonly string[])[];

export const GAP = 2;
const SIDES = ["top", "bottom", "left", "right", "mid"];
const BORDERS = SIDES.flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`]);
const NO_BORDERS = { ...Object.fromEntries(BORDERS.map((name) => [name, ""])), middle: " ".repeat(GAP) };
const PLAIN = { head: [], border: [], "padding-left": 0, "padding-right": 0 };

/** The first rows decide the widths, so a long table can be written in pieces. @param first printable cells */
export function tableLayout(columns: readonly Column[], first: Rows, style: TableStyle, withHead: boolean) {
  const { width: screen } = style;
  const shown = (row: readonly string[], i: number, width: number | null) => {
    const text = row[i] ?? "";
    return width === null || columns[i]!.least === null ? text : cut(text, width);
  };
  const rooms = columns.map(({ head, least, mayGo }, i) => {
    const cells = first.map((row) => shown(row, i, screen));
    const full = cells.reduce((most, cell) => Math.max(most, widthOf(cell)), withHead ? widthOf(head) : 1);
    return { full, least, mayGo, isEmpty: cells.every((text) => text === "") };
  });
  const widths = fitColumns(rooms, screen);

  function cellsIn(cells: readonly string[], paint: (text: string, column: number) => string): string[] {
    return widths.flatMap((width, i) => {
      if (width === null) return [];
      const text = shown(cells, i, screen === null ? null : width);
      const gap = " ".repeat(Math.max(0, width - widthOf(text)));
      return columns[i]!.isNumber ? gap + paint(text, i) : paint(text, i) + gap;
    });
  }

  const heads = columns.map(({ head }) => head);
  const head = withHead ? [cellsIn(heads, (text) => style.colors.bold(text))] : [];
  return {
    /** The heads of columns that don't fit. */
    left: heads.filter((_, i) => widths[i] === null),

    /** The head comes before the first lines. */
    *lines(rows: Rows): Generator<string> {
      const paint = (text: string, i: number) => columns[i]!.paint?.(text, style) ?? text;
      // cli-table3 compares each cell with all others.
      for (const some of batches([...head.splice(0), ...rows.map((row) => cellsIn(row, paint))], 50)) {
        yield* linesOf(some, screen !== null);
      }
    },
  };
}

export function tableLines(columns: readonly Column[], rows: Rows, style: TableStyle, withHead = true): string[] {
  return [...tableLayout(columns, rows, style, withHead).lines(rows)];
}

function linesOf(rows: Rows, aligned: boolean): string[] {
  // In a pipe nothing is cut, and cli-table3 takes quadratic time for a long cell.
  if (!aligned) return rows.map((cells) => `${cells.join(" ".repeat(GAP)).trimEnd()}\n`);
  const layout = new Table({ chars: NO_BORDERS, style: PLAIN });
  layout.push(...rows.map((cells) => [...cells]));
  return layout
    .toString()
    .split("\n")
    .map((line) => `${line.trimEnd()}\n`);
}

/** A status in its colour; also a word of the service's. */
export function paintStatus(text: string, { colors }: TableStyle): string {
  const shown = shownStatus(text);
  return shown === undefined ? text : colors[STATUS_COLORS[shown]](text);
}

export function table(head: readonly string[], rows: Rows, style: TableStyle, least: number | null = 6): string {
  const columns = head.map((head) => ({ head, least, mayGo: false }));
  return tableLines(columns, rows, style, head.some(Boolean)).join("");
}

/** How a column may be narrowed if the table is wider than the terminal. Widths are columns of the screen. */
export interface Room {
  readonly full: number;
  /** Narrower it would be useless. Null: it is never cut, because half an id, number or time would be another one. */
  readonly least: number | null;
  /** Whether it may be left out. */
  readonly mayGo: boolean;
  readonly isEmpty?: boolean;
}

/** A width for each column that fits; null for one that is left out: empty ones first, then the last. The widest are narrowed. */
export function fitColumns(columns: readonly Room[], available: number | null): (number | null)[] {
  const widths: (number | null)[] = columns.map(({ full }) => full);
  if (available === null) return widths;
  const least = columns.map(({ full, least }) => Math.min(full, least ?? full));
  const isOver = (of: readonly (number | null)[]) => {
    return of.reduce<number>((sum, width) => (width === null ? sum : sum + width + GAP), -GAP) > available;
  };
  const shown = () => [...widths.keys()].filter((i) => widths[i] !== null);
  while (isOver(widths.map((width, i) => width && least[i]!))) {
    const able = shown().filter((i) => columns[i]!.mayGo);
    const gone = able.findLast((i) => columns[i]!.isEmpty) ?? able.at(-1);
    if (gone === undefined) break;
    widths[gone] = null;
  }
  const smallest = columns.map(({ full, least }) => (least === null ? full : 1)); // on a very narrow screen
  for (const floor of [least, smallest]) {
    while (isOver(widths)) {
      const able = shown().filter((i) => widths[i]! > floor[i]!);
      if (able.length === 0) break;
      widths[able.reduce((best, i) => (widths[i]! > widths[best]! ? i : best))]!--;
    }
  }
  return widths;
}

/** Tasks in blocks; the first one decides the widths. */
export function taskTable(columns: readonly string[], withHead: boolean, style: TableStyle, telling: TimeTelling) {
  const fields = columns.map(fieldOf);
  const needsRecord = fields.some((field) => !KNOWN_FIELDS.includes(field));
  let layout: ReturnType<typeof tableLayout> | undefined;

  function cells(task: Task): string[] {
    const record = needsRecord ? itemFields(task) : null;
    return fields.map((field) => printable(timeText(field, cellText(task, field, record), telling)));
  }

  return {
    left: () => layout?.left ?? [],

    *block(tasks: readonly Task[]): Generator<string> {
      const rows = tasks.map(cells);
      layout ??= tableLayout(columns.map(columnOf), rows, style, withHead);
      yield* layout.lines(rows);
    },
  };
}

function columnOf(name: string): Column {
  const field = fieldOf(name);
  const head = printable(name.toUpperCase());
  if (field === "status") return { head, least: 6, mayGo: true, paint: paintStatus };
  const isId = field === "user_id" || field === "task_id";
  return { head, least: isId || field.endsWith("_at") ? null : 10, mayGo: !isId };
}
