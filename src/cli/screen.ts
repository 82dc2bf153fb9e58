import { widthOf } from "../render/width.ts";
import type { Streams } from "./io.ts";
import type { Terminal } from "./terminal.ts";

const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l"; // the other screen, no cursor, no wrapping of long lines
const LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const [BEGIN, END] = ["\u001b[?2026h", "\u001b[?2026l"]; // a synchronised update, if the terminal supports it
const [ERASE_ALL, ERASE_REST] = ["\u001b[2J", "\u001b[K"];

export type Size = { readonly columns: number; readonly rows: number };

export function sizeOf(stream: Streams["stdout"]): Size {
  return { columns: stream.columns || 80, rows: stream.rows || 24 };
}

/**
 * The alternate screen of a terminal, without flicker or scrolling; restored at the end of the process and for Ctrl-Z.
 * @param keepsPicture whether the last picture stays on the terminal
 * @param onTaken called when the screen takes over the terminal, and when it gives it back
 */
export function openScreen<P>(
  terminal: Terminal,
  frame: (picture: P, size: Size) => readonly string[],
  { keepsPicture = false, onTaken = (_isTaken: boolean) => {} } = {},
) {
  const stream = terminal.streams.stdout;
  let isOpen = false;
  let picture: P | undefined;

  const leave = () => {
    if (!isOpen) return;
    isOpen = false;
    onTaken(false);
    stream.write(LEAVE);
  };
  const onStop = () => {
    leave();
    process.off("SIGTSTP", onStop);
    process.kill(process.pid, "SIGTSTP"); // the kernel ignores it if no shell could continue the process
    process.on("SIGTSTP", onStop);
    redraw();
  };

  function paint(): void {
    if (picture === undefined) return;
    const enter = isOpen ? "" : ENTER + ERASE_ALL;
    if (!isOpen) onTaken(true);
    isOpen = true;
    const { columns, rows } = sizeOf(stream);
    const shown = frame(picture, { columns, rows });
    const lines = Array.from({ length: rows }, (_, row) => {
      const line = shown[row] ?? "";
      // After a line that fills the row, erasing would delete its last character.
      return `\u001b[${row + 1};1H${line}${widthOf(line) < columns ? ERASE_REST : ""}`;
    });
    stream.write(`${enter}${BEGIN}${terminal.shown(lines.join(""))}${END}`);
  }

  function redraw(): void {
    if (isOpen) stream.write(ERASE_ALL);
    paint();
  }

  process.on("exit", leave).on("SIGTSTP", onStop).on("SIGCONT", redraw);
  return {
    redraw,
    draw(next: P): void {
      picture = next;
      paint();
    },
    close(): void {
      process.off("exit", leave).off("SIGTSTP", onStop).off("SIGCONT", redraw);
      leave();
      if (picture !== undefined && keepsPicture)
        stream.write(terminal.shown(`${frame(picture, sizeOf(stream)).join("\n")}\n`));
      picture = undefined;
    },
  };
}
