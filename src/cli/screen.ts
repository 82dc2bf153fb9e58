import { cut, widthOf, wrap } from "../render/width.ts";
import { counted } from "../task/amounts.ts";

const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l"; // the other screen, no cursor, no wrapping of long lines
const LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const [BEGIN, END] = ["\u001b[?2026h", "\u001b[?2026l"]; // what stands between appears at once, where a terminal can
const [ERASE_ALL, ERASE_REST] = ["\u001b[2J", "\u001b[K"];

/** What a screen needs of a terminal's stream. */
interface ScreenStream {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
}

/**
 * The second screen of a terminal, drawn line by line where a line changed: it does not flicker or scroll. However the
 * process ends, and while it is stopped with Ctrl-Z, the terminal is as it was.
 */
export class Screen {
  readonly #stream: ScreenStream;
  #isOpen = false;
  #drawn: string[] = [];
  #picture: Picture | undefined;
  readonly #onExit = () => this.#leave();
  readonly #onStop = () => {
    this.#leave();
    process.kill(process.pid, "SIGSTOP");
  };
  readonly #onContinue = () => this.redraw();

  constructor(stream: ScreenStream) {
    this.#stream = stream;
    process.on("exit", this.#onExit);
    process.on("SIGTSTP", this.#onStop);
    process.on("SIGCONT", this.#onContinue);
  }

  get size(): Size {
    return { columns: this.#stream.columns || 80, rows: this.#stream.rows || 24 };
  }

  draw(picture: Picture): void {
    const enter = this.#isOpen ? "" : ENTER + ERASE_ALL;
    this.#isOpen = true;
    this.#picture = picture;
    const lines = frame(picture, this.size);
    const { columns } = this.size;
    const changes: string[] = [];
    for (let row = 0; row < Math.max(lines.length, this.#drawn.length); row++) {
      const line = lines[row] ?? "";
      if (line === this.#drawn[row]) continue;
      // Behind a line that fills the row, erasing would take its last character.
      changes.push(`\u001b[${row + 1};1H${line}${widthOf(line) < columns ? ERASE_REST : ""}`);
    }
    this.#drawn = lines;
    if (enter !== "" || changes.length > 0) this.#stream.write(`${enter}${BEGIN}${changes.join("")}${END}`);
  }

  /** Draws the last picture again, whole: the terminal has another size, or was somebody else's meanwhile. */
  redraw(): void {
    if (this.#picture === undefined) return;
    this.#drawn = [];
    if (this.#isOpen) this.#stream.write(ERASE_ALL);
    this.draw(this.#picture);
  }

  /** Gives the terminal back, with the last picture on it. */
  close(): void {
    process.off("exit", this.#onExit);
    process.off("SIGTSTP", this.#onStop);
    process.off("SIGCONT", this.#onContinue);
    this.#leave();
    if (this.#picture !== undefined) this.#stream.write(`${frame(this.#picture, this.size).join("\n")}\n`);
    this.#picture = undefined;
  }

  #leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#drawn = [];
    this.#stream.write(LEAVE);
  }
}

/** What one refresh has to show: the head and the notes stay in sight, the body gives way. */
interface Picture {
  readonly head: string;
  readonly body: readonly string[];
  readonly notes: readonly string[];
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** The lines of a picture on a screen: never more than it has rows, none wider than it has columns. Notes are plain. */
export function frame({ head, body, notes: long }: Picture, { columns, rows }: Size): string[] {
  const notes = long.flatMap((note) => wrap(note, columns));
  const room = Math.max(0, rows - 1 - notes.length);
  const shown = body.length <= room ? body : [...body.slice(0, Math.max(0, room - 1)), more(body.length, room)];
  return [head, ...shown, ...notes].slice(0, rows).map((line) => cut(line, columns));
}

function more(lines: number, room: number): string {
  const hidden = lines - Math.max(0, room - 1);
  return room > 0 ? `… ${counted(hidden, "more line")}` : "";
}
