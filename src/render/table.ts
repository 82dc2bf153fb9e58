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

export interface Column extends Pick<Room, "least" | "round" | "mayGo"> {
  readonly head: string;
  /** A shorter form of a cell, tried first. */
  readonly shorter?: (text: string) => string;
  readonly paint?: (text: string, style: TableStyle) => string;
}

type Rows = readonly (readonly string[])[];

export const GAP = 2;

export type TableLayout = ReturnType<typeof tableLayout>;

/**
 * The first rows decide the widths of the columns, so a long table can be written in pieces.
 * @param first printable cells
 */
export function tableLayout(columns: readonly Column[], first: Rows, style: TableStyle, withHead: boolean) {
  const shown = cutToScreen(first, style);
  const rooms = columns.map((column, i) =>
    roomOf(
      column,
      shown.map((row) => row[i] ?? ""),
      withHead,
    ),
  );
  const widths = fitColumns(rooms, style.width);

  function cellsIn(cells: readonly string[], paint: (text: string, column: number) => string): string[] {
    return widths.flatMap((width, i) => {
      if (width === null) return [];
      const text = fitted(cells[i] ?? "", i, width);
      return paint(text, i) + " ".repeat(Math.max(0, width - widthOf(text)));
    });
  }

  function fitted(text: string, column: number, width: number): string {
    if (style.width === null) return text;
    const shorter = width < rooms[column]!.full ? columns[column]!.shorter?.(text) : undefined;
    return cut(shorter ?? text, width);
  }

  return {
    /** The heads of columns that don't fit. */
    left: columns.filter((_, i) => widths[i] === null).map(({ head }) => head),

    *lines(rows: Rows, withHead: boolean): Generator<string> {
      const heads = columns.map(({ head }) => head);
      const paint = (text: string, i: number) => columns[i]!.paint?.(text, style) ?? text;
      const line = (cells: readonly string[]) => {
        const text = cells.join(" ".repeat(GAP)).trimEnd();
        return `${style.width === null ? text : cut(text, style.width)}\n`;
      };
      if (withHead) yield line(cellsIn(heads, (text) => style.colors.bold(text)));
      for (const row of rows) yield line(cellsIn(row, paint));
    },
  };
}

/** No cell needs more than the whole screen. */
export function cutToScreen(rows: Rows, { width }: TableStyle): Rows {
  return width === null ? rows : rows.map((row) => row.map((cell) => cut(cell, width)));
}

function roomOf({ head, least, round, mayGo, shorter }: Column, cells: readonly string[], withHead: boolean): Room {
  const headWidth = withHead ? widthOf(head) : 1;
  const widest = (texts: readonly string[]) => texts.reduce((width, text) => Math.max(width, widthOf(text)), headWidth);
  const full = widest(cells);
  const short = shorter === undefined ? {} : { short: widest(cells.map(shorter)) };
  return { full, ...short, least: Math.min(full, least), round, mayGo, isEmpty: cells.every((text) => text === "") };
}

const NARROWEST = 6;

/** @param first how many columns identify a row; they are narrowed last */
export function table(head: readonly string[] | null, rows: Rows, style: TableStyle, first = 2): string {
  const count = Math.max(head?.length ?? 0, ...rows.map((row) => row.length), 0);
  const columns = Array.from({ length: count }, (_, i) => {
    return { head: head?.[i] ?? "", least: NARROWEST, round: i < first ? 1 : 0, mayGo: false };
  });
  const layout = tableLayout(columns, rows, style, head !== null);
  return [...layout.lines(rows, head !== null)].join("");
}

/** How a column may be narrowed if the table is wider than the terminal. Widths are columns of the screen. */
export interface Room {
  readonly full: number;
  /** The width without the fraction of a time. No width between this and `full` is used. */
  readonly short?: number;
  /** Narrower it would be useless. */
  readonly least: number;
  /** The round in which it is narrowed, from 0. */
  readonly round: number;
  /** Whether it may be left out. */
  readonly mayGo: boolean;
  readonly isEmpty?: boolean;
}

/**
 * A width for each column, so all fit `available` together with the gaps; null for a column that is left out. Columns are
 * narrowed round by round, the widest first. If that isn't enough, one column is left out and the others are fitted again.
 */
export function fitColumns(columns: readonly Room[], available: number | null): (number | null)[] {
  const widths: (number | null)[] = columns.map(({ full }) => full);
  if (available === null) return widths;
  for (const kept = columns.map((_, i) => i); ; ) {
    for (const i of kept) widths[i] = columns[i]!.full;
    if (narrowed(columns, kept, widths, available)) return widths;
    const gone = firstToGo(columns, kept);
    if (gone === undefined) break;
    kept.splice(kept.indexOf(gone), 1);
    widths[gone] = null;
  }
  shrink(widths, [...widths.keys()], () => 1, available); // the last resort on a very narrow screen
  return widths;
}

function narrowed(columns: readonly Room[], kept: readonly number[], widths: (number | null)[], available: number) {
  const rounds = [...new Set(kept.map((i) => columns[i]!.round))].sort((a, b) => a - b);
  for (const round of rounds) {
    const giving = kept.filter((i) => columns[i]!.round === round);
    // Times lose their fractions together.
    if (excess(widths, available) > 0) for (const i of giving) widths[i] = columns[i]!.short ?? widths[i]!;
    const able = giving.filter((i) => columns[i]!.short === undefined);
    shrink(widths, able, (i) => columns[i]!.least, available);
  }
  const fits = excess(widths, available) <= 0;
  if (fits) widen(columns, kept, widths, available);
  return fits;
}

/** The room of a dropped fraction is for the columns that were narrowed before, those of the last round first. */
function widen(columns: readonly Room[], kept: readonly number[], widths: (number | null)[], available: number) {
  const able = kept.filter((i) => columns[i]!.short === undefined);
  for (const i of able.toSorted((a, b) => columns[b]!.round - columns[a]!.round)) {
    widths[i] = Math.min(columns[i]!.full, widths[i]! - excess(widths, available));
  }
}

/** The column to leave out: an empty one, else the last of the first round. */
function firstToGo(columns: readonly Room[], kept: readonly number[]): number | undefined {
  const able = kept.filter((i) => columns[i]!.mayGo);
  const order = (i: number) => (columns[i]!.isEmpty ? -1 : columns[i]!.round);
  return able.toReversed().sort((a, b) => order(a) - order(b))[0];
}

/** Narrows the widest of some columns until all fit, but none below its least. */
function shrink(widths: (number | null)[], some: readonly number[], least: (i: number) => number, available: number) {
  while (excess(widths, available) > 0) {
    const able = some.filter((i) => (widths[i] ?? 0) > least(i));
    if (able.length === 0) return;
    const widest = able.reduce((best, i) => (widths[i]! > widths[best]! ? i : best));
    widths[widest]!--;
  }
}

function excess(widths: readonly (number | null)[], available: number): number {
  const shown = widths.filter((width) => width !== null);
  return shown.reduce((sum, width) => sum + width + GAP, -GAP) - available;
}
