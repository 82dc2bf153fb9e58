import type { ChalkInstance } from "chalk";
import stringWidth from "string-width";
import { cut } from "./cut.ts";
import { fitColumns, GAP, type Room } from "./fit.ts";
import { printable } from "./printable.ts";

export interface TableStyle {
  /** Columns of the terminal; null where there is none, and nothing is cut. */
  readonly width: number | null;
  readonly chalk: ChalkInstance;
}

/** A column of a table: its head, how it gives way, and how its cells look. */
export interface Column extends Pick<Room, "least" | "round" | "mayGo"> {
  readonly head: string;
  /** A shorter form of a cell, tried before the column is left out. */
  readonly shorter?: (text: string) => string;
  readonly paint?: (text: string, style: TableStyle) => string;
}

type Rows = readonly (readonly string[])[];

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
    const rooms = columns.map((column, i) => roomOf(column, cellsOf(rows, i), withHead));
    this.#widths = fitColumns(rooms, style.width);
    this.#isShort = rooms.map(({ full }, i) => this.#widths[i] !== null && this.#widths[i]! < full);
  }

  /** The heads of the columns that there is no room for. */
  get left(): string[] {
    return this.#columns.filter((_, i) => this.#widths[i] === null).map(({ head }) => head);
  }

  head(): string {
    const heads = this.#columns.map(({ head }) => head);
    return this.#line(heads, (text) => this.#style.chalk.bold(text));
  }

  row(cells: readonly string[]): string {
    return this.#line(cells, (text, i) => this.#columns[i]!.paint?.(text, this.#style) ?? text);
  }

  #line(cells: readonly string[], paint: (text: string, column: number) => string): string {
    let line = "";
    let pending = 0; // blanks that only another cell makes necessary
    this.#widths.forEach((width, i) => {
      if (width === null) return;
      const text = this.#fitted(cells[i] ?? "", i, width);
      if (text !== "") line += " ".repeat(pending) + paint(text, i);
      pending = (text === "" ? pending : 0) + Math.max(0, width - stringWidth(text)) + GAP;
    });
    return `${this.#style.width === null ? line : cut(line, this.#style.width)}\n`;
  }

  #fitted(text: string, column: number, width: number): string {
    const shorter = this.#isShort[column] ? this.#columns[column]!.shorter?.(text) : undefined;
    return this.#style.width === null ? text : cut(shorter ?? text, width);
  }
}

function cellsOf(rows: Rows, column: number): string[] {
  return rows.map((row) => row[column] ?? "");
}

function roomOf({ head, least, round, mayGo, shorter }: Column, cells: readonly string[], withHead: boolean): Room {
  const headWidth = withHead ? stringWidth(head) : 1;
  const widest = (texts: readonly string[]) =>
    texts.reduce((width, text) => Math.max(width, stringWidth(text)), headWidth);
  const full = widest(cells);
  const short = shorter === undefined ? {} : { short: widest(cells.map(shorter)) };
  return { full, ...short, least: Math.min(full, least), round, mayGo, isEmpty: cells.every((text) => text === "") };
}

const NARROWEST = 6;

/** Rows under a head, cut to the terminal: the first two columns, which say what a row is, give way last. */
export function table(head: readonly string[] | null, rows: Rows, style: TableStyle): string {
  const count = Math.max(head?.length ?? 0, ...rows.map((row) => row.length), 0);
  const columns = Array.from({ length: count }, (_, i) => {
    return { head: head?.[i] ?? "", least: NARROWEST, round: i < 2 ? 1 : 0, mayGo: false };
  });
  const layout = new TableLayout(columns, rows, style, head !== null);
  return (head === null ? "" : layout.head()) + rows.map((row) => layout.row(row)).join("");
}

/** Names and values, one pair a line. */
export function pairTable(pairs: Rows, style: TableStyle): string {
  return table(
    null,
    pairs.map((pair) => pair.map(printable)),
    style,
  );
}
