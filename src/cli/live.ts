import { setTimeout as sleep } from "node:timers/promises";
import { TtsctlError } from "../errors.ts";
import { formatDuration } from "../task/duration.ts";
import { formatInZone } from "../task/time.ts";
import type { Context } from "./context.ts";
import { DONE } from "./emit.ts";
import { isText } from "./globals.ts";
import { errorText, sayError } from "./report-error.ts";
import { Screen } from "./screen.ts";
import { Recording, type Terminal } from "./terminal.ts";

/** What is shown again and again: one run of a command, on the context that it is given. */
type Refresh = (context: Context) => Promise<unknown>;

/**
 * Runs a reading command again and again until SIGINT or SIGTERM, and then exits 0. On a terminal a table is
 * drawn in place; else each run is a block of its own: one JSON object a line, a YAML document, or text behind an empty
 * line. One run at a time, each with a connection of its own, so that a Redis that goes and comes back is told and survived;
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
  const screen = new Screen(terminal.outStream);
  const resized = new Waker(() => screen.redraw());
  terminal.outStream.on("resize", resized.wake);
  const leave = () => screen.close();
  signal.addEventListener("abort", leave); // at once, also where the run in hand takes longer
  try {
    while (!signal.aborted && terminal.out.isOpen) {
      const recording = new Recording(terminal);
      const problem = await runOnce(context, recording.terminal, refresh);
      if (signal.aborted) break;
      const notes = [...recording.errLines, ...(problem === undefined ? [] : [errorText(problem)])];
      if (!terminal.errIsTerminal) for (const line of notes.splice(0)) await terminal.err.write(`${line}\n`);
      screen.draw({ head: await headOf(context, every), body: recording.outLines, notes });
      await resized.orAfter(every, signal);
    }
  } finally {
    signal.removeEventListener("abort", leave);
    terminal.outStream.off("resize", resized.wake);
    screen.close();
  }
  return DONE;
}

async function headOf(context: Context, every: number): Promise<string> {
  const { colors } = await context.terminal.tableStyle(context.flags);
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

/** Ends a wait early when something happens, though not more than once a second. */
class Waker {
  #wake: (() => void) | undefined;
  readonly #onWake: () => void;
  readonly wake = () => {
    this.#onWake();
    this.#wake?.();
  };

  constructor(onWake: () => void) {
    this.#onWake = onWake;
  }

  async orAfter(seconds: number, signal: AbortSignal): Promise<void> {
    const early = new AbortController();
    this.#wake = () => early.abort();
    const either = AbortSignal.any([signal, early.signal]);
    await sleep(seconds * 1000, undefined, { signal: either }).catch(() => {});
    this.#wake = undefined;
    if (early.signal.aborted) await sleep(Math.min(1, seconds) * 1000, undefined, { signal }).catch(() => {});
  }
}
