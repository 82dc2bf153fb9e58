import Table from "cli-table3";
import { printable } from "../printable.ts";
import { cut } from "./cut.ts";
import { fitColumns, GAP, type Room } from "./fit.ts";
import { widthOf } from "./width.ts";

type Color = "bold" | "dim" | "gray" | "red" | "green" | "yellow" | "cyan" | "magenta";

/** How words are made to stand out: as chalk does, or not at all. */
export type Colors = Readonly<Record<Color, (text: string) => string>>;

const asItIs = (text: string) => text;
export const NO_COLORS: Colors = {
  ...{ bold: asItIs, dim: asItIs, gray: asItIs, magenta: asItIs },
  ...{ red: asItIs, green: asItIs, yellow: asItIs, cyan: asItIs },
};

export interface TableStyle {
  /** Columns of the terminal; null where there is none, and nothing is cut. */
  readonly width: number | null;
  readonly colors: Colors;
}

/** A column of a table: its head, how it gives way, and how its cells look. */
export interface Column extends Pick<Room, "least" | "round" | "mayGo"> {
  readonly head: string;
  /** A shorter form of a cell, tried before the column is left out. */
  readonly shorter?: (text: string) => string;
  readonly paint?: (text: string, style: TableStyle) => string;
}

type Rows = readonly (readonly string[])[];

const NO_BORDERS = {
  ...{ top: "", "top-mid": "", "top-left": "", "top-right": "", bottom: "", "bottom-mid": "", "bottom-left": "" },
  ...{ "bottom-right": "", left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "" },
  middle: " ".repeat(GAP),
};
const PLAIN = { head: [], border: [], "padding-left": 0, "padding-right": 0 };

/** Rows that cli-table3 lays out at once: it compares each cell with all others. */
const AT_ONCE = 50;

/** Lines of columns whose widths the first rows decide, so that a long table can be written piece by piece. */
export class TableLayout {
  readonly #columns: readonly Column[];
  readonly #style: TableStyle;
  readonly #widths: (number | null)[];
  readonly #isShort: boolean[];

  /** @param rows printable cells */
  constructor(columns: readonly Column[], rows: Rows, style: TableStyle, withHead: boolean) {
    this.#columns = columns;
    this.#style = style;
    const shown = cutToScreen(rows, style);
    const rooms = columns.map((column, i) => roomOf(column, cellsOf(shown, i), withHead));
    this.#widths = fitColumns(rooms, style.width);
    this.#isShort = rooms.map(({ full }, i) => this.#widths[i] !== null && this.#widths[i]! < full);
  }

  /** The heads of the columns that there is no room for. */
  get left(): string[] {
    return this.#columns.filter((_, i) => this.#widths[i] === null).map(({ head }) => head);
  }

  /** A line for each row, before the first of them the heads if they are wanted. */
  *lines(rows: Rows, withHead: boolean): Generator<string> {
    const paint = (text: string, i: number) => this.#columns[i]!.paint?.(text, this.#style) ?? text;
    let block = withHead ? [this.#heads()] : [];
    for (const row of rows) {
      block.push(this.#cells(row, paint));
      if (block.length < AT_ONCE) continue;
      yield* this.#block(block);
      block = [];
    }
    if (block.length > 0) yield* this.#block(block);
  }

  #heads(): string[] {
    const heads = this.#columns.map(({ head }) => head);
    return this.#cells(heads, (text) => this.#style.colors.bold(text));
  }

  #block(rows: Rows): string[] {
    const { width } = this.#style;
    // In a pipe nothing is cut, and cli-table3 takes quadratic time for a long cell.
    if (width === null) return rows.map((cells) => `${cells.join(" ".repeat(GAP)).trimEnd()}\n`);
    const layout = new Table({ chars: NO_BORDERS, style: PLAIN });
    layout.push(...rows.map((cells) => [...cells]));
    const lines = layout.toString().split("\n");
    return lines.map((line) => `${cut(line.trimEnd(), width)}\n`);
  }

  /** Filled up to the widths that the first rows decided, so that every block has the same. */
  #cells(cells: readonly string[], paint: (text: string, column: number) => string): string[] {
    return this.#widths.flatMap((width, i) => {
      if (width === null) return [];
      const text = this.#fitted(cells[i] ?? "", i, width);
      return paint(text, i) + " ".repeat(Math.max(0, width - widthOf(text)));
    });
  }

  #fitted(text: string, column: number, width: number): string {
    const shorter = this.#isShort[column] ? this.#columns[column]!.shorter?.(text) : undefined;
    return this.#style.width === null ? text : cut(shorter ?? text, width);
  }
}

/** No cell needs more than the whole screen. */
export function cutToScreen(rows: Rows, { width }: TableStyle): Rows {
  return width === null ? rows : rows.map((row) => row.map((cell) => cut(cell, width)));
}

function cellsOf(rows: Rows, column: number): string[] {
  return rows.map((row) => row[column] ?? "");
}

function roomOf({ head, least, round, mayGo, shorter }: Column, cells: readonly string[], withHead: boolean): Room {
  const headWidth = withHead ? widthOf(head) : 1;
  const widest = (texts: readonly string[]) => texts.reduce((width, text) => Math.max(width, widthOf(text)), headWidth);
  const full = widest(cells);
  const short = shorter === undefined ? {} : { short: widest(cells.map(shorter)) };
  return { full, ...short, least: Math.min(full, least), round, mayGo, isEmpty: cells.every((text) => text === "") };
}

const NARROWEST = 6;

/** Rows under a head, cut to the terminal: the first columns, which say what a row is, give way last. */
export function table(head: readonly string[] | null, rows: Rows, style: TableStyle, first = 2): string {
  const count = Math.max(head?.length ?? 0, ...rows.map((row) => row.length), 0);
  const columns = Array.from({ length: count }, (_, i) => {
    return { head: head?.[i] ?? "", least: NARROWEST, round: i < first ? 1 : 0, mayGo: false };
  });
  const layout = new TableLayout(columns, rows, style, head !== null);
  return [...layout.lines(rows, head !== null)].join("");
}

/** Names and values, one pair a line. */
export function pairTable(pairs: Rows, style: TableStyle): string {
  return table(
    null,
    pairs.map((pair) => pair.map(printable)),
    style,
  );
}
