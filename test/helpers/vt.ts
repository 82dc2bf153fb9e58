import stringWidth from "string-width";

const ESCAPE = "\u001b[";
const SEQUENCE = /^(\?)?([\d;]*)([A-Za-z])/;

/** As much of a terminal as the tests need: what is on its two screens, and which of its modes are on. */
export class VirtualTerminal {
  columns: number;
  rows: number;
  /** Cells, row by row; the second cell of a wide character is empty text. */
  #screens: string[][][];
  #active: 0 | 1 = 0;
  #row = 0;
  #column = 0;
  #unfinished = "";
  /** How often a line went out at the top of the second screen. */
  scrolled = 0;
  cursorShown = true;
  wraps = true;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.#screens = [this.#blank(), this.#blank()];
  }

  get isSecondScreen(): boolean {
    return this.#active === 1;
  }

  /** The lines of the screen that is shown, without the blanks behind them. */
  get lines(): string[] {
    return this.#screens[this.#active]!.map((cells) => cells.join("").trimEnd());
  }

  /** The part of a sequence whose end hasn't come yet is kept for the next text. */
  feed(text: string): this {
    let rest = this.#unfinished + text;
    while (rest !== "" && !isUnfinished(rest)) rest = rest.slice(this.#take(rest));
    this.#unfinished = rest;
    return this;
  }

  #take(text: string): number {
    const sequence = text.startsWith(ESCAPE) ? SEQUENCE.exec(text.slice(ESCAPE.length)) : null;
    if (sequence !== null) {
      this.#control(sequence[1] === "?", sequence[2]!, sequence[3]!);
      return ESCAPE.length + sequence[0].length;
    }
    const char = String.fromCodePoint(text.codePointAt(0)!);
    if (char === "\r") this.#column = 0;
    else if (char === "\n") this.#newLine();
    else if (char < " ") throw new Error(`a control character: ${JSON.stringify(text.slice(0, 20))}`);
    else this.#put(char);
    return char.length;
  }

  #control(isPrivate: boolean, numbers: string, letter: string): void {
    const [first, second] = numbers.split(";").map(Number);
    const row = this.#screens[this.#active]![this.#row]!;
    if (isPrivate) this.#mode(first!, letter === "h");
    else if (letter === "H") [this.#row, this.#column] = [(first || 1) - 1, (second || 1) - 1];
    else if (letter === "G") this.#column = (first || 1) - 1;
    else if (letter === "K")
      row.splice(0, row.length, ...row.map((cell, i) => (i >= this.#column || first === 2 ? " " : cell)));
    else if (letter === "J" && first === 2) this.#screens[this.#active] = this.#blank();
    else if (letter !== "m") throw new Error(`an unknown sequence: ${numbers}${letter}`);
  }

  #mode(mode: number, on: boolean): void {
    if (mode === 25) this.cursorShown = on;
    if (mode === 7) this.wraps = on;
    if (mode === 1049) this.#active = on ? 1 : 0;
  }

  #put(char: string): void {
    const width = stringWidth(char);
    if (this.#column + width > this.columns && this.wraps) {
      this.#column = 0;
      this.#newLine();
    }
    const column = Math.min(this.#column, this.columns - width);
    const row = this.#screens[this.#active]![this.#row]!;
    row.splice(column, width, char, ...Array<string>(Math.max(0, width - 1)).fill(""));
    this.#column = column + width;
  }

  #newLine(): void {
    if (++this.#row < this.rows) return;
    this.#row = this.rows - 1;
    this.#screens[this.#active]!.push(Array<string>(this.columns).fill(" "));
    this.#screens[this.#active]!.shift();
    if (this.#active === 1) this.scrolled++;
  }

  #blank(): string[][] {
    return Array.from({ length: this.rows }, () => Array<string>(this.columns).fill(" "));
  }
}

const drawn = new WeakMap<object, { readonly terminal: VirtualTerminal; length: number }>();

/** The screen of a run as it is now. */
export function screenOf(run: { readonly text: string }, [columns, rows]: readonly [number, number]): VirtualTerminal {
  let known = drawn.get(run);
  if (known?.terminal.columns !== columns || known.terminal.rows !== rows) {
    known = { terminal: new VirtualTerminal(columns, rows), length: 0 };
    drawn.set(run, known);
  }
  known.terminal.feed(run.text.slice(known.length));
  known.length = run.text.length;
  return known.terminal;
}

/** Whether a text may go on as a sequence. */
function isUnfinished(text: string): boolean {
  return ESCAPE.startsWith(text) || (text.startsWith(ESCAPE) && /^\??[\d;]*$/.test(text.slice(ESCAPE.length)));
}
