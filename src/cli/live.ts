import { setTimeout as sleep } from "node:timers/promises";
import { TtsctlError } from "../errors.ts";
import { cut, widthOf, wrap } from "../render/width.ts";
import { counted, formatDuration } from "../task/amounts.ts";
import { formatInZone } from "../task/time.ts";
import type { Context } from "./context.ts";
import { DONE } from "./emit.ts";
import type { Streams } from "./io.ts";
import { errorText, sayError } from "./report-error.ts";
import { isText, Recording, type Terminal } from "./terminal.ts";
import { Waker } from "./waker.ts";

/** What is shown again and again: one run of a command, on the context that it is given. */
type Refresh = (context: Context) => Promise<unknown>;

/**
 * Runs a reading command again and again until SIGINT or SIGTERM, and then exits 0. On a terminal a table is
 * drawn in place; else each run is a block of its own: one JSON object a line, a YAML document, or text behind an empty
 * line. One run at a time, each with a connection of its own, so a lost Redis is reported and used again when it is back;
 * of errors only wrong usage and configuration end it.
 * @param every seconds from the end of one run to the next
 */
export async function live(context: Context, every: number, refresh: Refresh): Promise<number> {
  await context.settings();
  return isText(context.flags.output) && context.terminal.outIsTerminal
    ? onScreen(context, every, refresh)
    : inPipe(context, every, refresh);
}

async function onScreen(context: Context, every: number, refresh: Refresh): Promise<number> {
  const { terminal, signal } = context;
  const screen = openScreen(terminal.streams.stdout);
  const resized = new Waker();
  const onResize = () => {
    screen.redraw();
    resized.wake();
  };
  terminal.streams.stdout.on("resize", onResize);
  signal.addEventListener("abort", screen.close); // at once, also where the run in hand takes longer
  try {
    while (!signal.aborted && terminal.out.isOpen) {
      const recording = new Recording(terminal);
      const problem = await runOnce(context, recording.terminal, refresh);
      if (signal.aborted) break;
      const { out: body, err } = recording.takeLines();
      const notes = [...err, ...(problem === undefined ? [] : [errorText(problem)])];
      if (!terminal.errIsTerminal) for (const line of notes.splice(0)) await terminal.err.write(`${line}\n`);
      screen.draw({ head: await headOf(context, every), body, notes });
      const isEarly = await resized.orAfter(every, signal);
      if (isEarly) await sleep(Math.min(1, every) * 1000, undefined, { signal }).catch(() => {}); // at most once a second
    }
  } finally {
    signal.removeEventListener("abort", screen.close);
    terminal.streams.stdout.off("resize", onResize);
    screen.close();
  }
  return DONE;
}

async function headOf(context: Context, every: number): Promise<string> {
  const { colors } = await context.tableStyle();
  const now = formatInZone(Math.floor(context.clock.now()), await context.zone());
  return colors.dim(`${now}  every ${formatDuration(every)}, Ctrl-C ends`);
}

async function inPipe(context: Context, every: number, refresh: Refresh): Promise<number> {
  const { terminal, signal } = context;
  const isJson = context.flags.output === "json" || context.flags.output === "jsonl";
  const separator = isJson ? "" : context.flags.output === "yaml" ? "---\n" : "\n";
  for (let isFirst = true; !signal.aborted && terminal.out.isOpen; isFirst = false) {
    if (!isFirst) await terminal.out.write(separator);
    const problem = await runOnce(context, terminal, refresh);
    if (problem !== undefined) await sayError(terminal.err, problem, { asJson: isJson, stack: null });
    await sleep(every * 1000, undefined, { signal }).catch(() => {});
  }
  return DONE;
}

/** One run with a connection of its own; the error that it ended with, if any. @throws TtsctlError for wrong usage */
async function runOnce(context: Context, terminal: Terminal, refresh: Refresh): Promise<TtsctlError | undefined> {
  const { output, verbose } = context.flags;
  const flags = { verbose, output: output === "jsonl" ? "json" : output } as const;
  const once = context.fork(await context.settings(), { terminal, flags });
  try {
    await refresh(once);
    return undefined;
  } catch (error) {
    if (!(error instanceof TtsctlError) || error.exitCode === 2) throw error;
    return error;
  } finally {
    await once.release();
  }
}

const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l"; // the other screen, no cursor, no wrapping of long lines
const LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const [BEGIN, END] = ["\u001b[?2026h", "\u001b[?2026l"]; // what stands between appears at once, where a terminal can
const [ERASE_ALL, ERASE_REST] = ["\u001b[2J", "\u001b[K"];

/**
 * The second screen of a terminal. Each picture is drawn over the last one: it does not flicker or scroll. However the
 * process ends, and while it is stopped with Ctrl-Z, the terminal is as it was.
 */
function openScreen(stream: Streams["stdout"]) {
  let isOpen = false;
  let picture: Picture | undefined;

  const size = () => ({ columns: stream.columns || 80, rows: stream.rows || 24 });
  const leave = () => {
    if (isOpen) stream.write(LEAVE);
    isOpen = false;
  };
  const onStop = () => {
    leave();
    process.kill(process.pid, "SIGSTOP");
  };

  function paint(): void {
    if (picture === undefined) return;
    const enter = isOpen ? "" : ENTER + ERASE_ALL;
    isOpen = true;
    const { columns, rows } = size();
    const shown = frame(picture, size());
    const lines = Array.from({ length: rows }, (_, row) => {
      const line = shown[row] ?? "";
      // Behind a line that fills the row, erasing would take its last character.
      return `\u001b[${row + 1};1H${line}${widthOf(line) < columns ? ERASE_REST : ""}`;
    });
    stream.write(`${enter}${BEGIN}${lines.join("")}${END}`);
  }

  /** Draws the last picture again, after a change of the size or the use by another program. */
  function redraw(): void {
    if (isOpen) stream.write(ERASE_ALL);
    paint();
  }

  process.on("exit", leave);
  process.on("SIGTSTP", onStop);
  process.on("SIGCONT", redraw);
  return {
    redraw,
    draw(next: Picture): void {
      picture = next;
      paint();
    },
    /** Gives the terminal back, with the last picture on it. */
    close(): void {
      process.off("exit", leave);
      process.off("SIGTSTP", onStop);
      process.off("SIGCONT", redraw);
      leave();
      if (picture !== undefined) stream.write(`${frame(picture, size()).join("\n")}\n`);
      picture = undefined;
    },
  };
}

/** What one refresh has to show: the head and the notes stay in sight, the body gives way. */
interface Picture {
  readonly head: string;
  readonly body: readonly string[];
  readonly notes: readonly string[];
}

/** The lines of a picture on a screen: never more than it has rows, none wider than it has columns. Notes are plain. */
function frame({ head, body, notes: long }: Picture, { columns, rows }: { columns: number; rows: number }): string[] {
  const notes = long.flatMap((note) => wrap(note, columns));
  const room = Math.max(0, rows - 1 - notes.length);
  const shown = body.length <= room ? body : [...body.slice(0, Math.max(0, room - 1)), more(body.length, room)];
  return [head, ...shown, ...notes].slice(0, rows).map((line) => cut(line, columns));
}

function more(lines: number, room: number): string {
  const hidden = lines - Math.max(0, room - 1);
  return room > 0 ? `… ${counted(hidden, "more line")}` : "";
}
