import { PassThrough } from "node:stream";
import { ours, type TtsctlError } from "../errors.ts";
import { cut, wrap } from "../render/width.ts";
import { counted, formatDuration } from "../task/amounts.ts";
import { formatInZone } from "../task/time.ts";
import type { Context } from "./context.ts";
import { errorText, sayError } from "./report-error.ts";
import { openScreen, type Size, sizeOf } from "./screen.ts";
import { isText, type Terminal, terminalOn } from "./terminal.ts";

type Refresh = (context: Context) => Promise<unknown>;

/** Repeats a command until a signal, or an error of usage or configuration; each run has its own connection. @param every seconds between two runs */
export async function live(context: Context, every: number, refresh: Refresh): Promise<void> {
  await context.settings();
  const isOnScreen = isText(context.flags.output) && context.terminal.outIsTerminal;
  const isDrawn = isOnScreen && context.terminal.errIsTerminal;
  await (isOnScreen ? onScreen : inPipe)(context, every, isDrawn ? refresh : withoutRepeats(refresh));
}

/** Leaves out a warning that the run before had too. */
function withoutRepeats(refresh: Refresh): Refresh {
  let said = new Set<string>();
  return (run) => {
    const [{ warn }, before] = [run.reporter, said];
    said = new Set();
    run.reporter.warn = (line, fields) => {
      said.add(line);
      if (!before.has(line)) warn(line, fields);
    };
    return refresh(run);
  };
}

async function onScreen(context: Context, every: number, refresh: Refresh): Promise<void> {
  const { terminal, signal, clock } = context;
  const { colors } = await context.tableStyle();
  const screen = openScreen(terminal, frame, { keepsPicture: true });
  let resized = new AbortController();
  const onResize = () => {
    screen.redraw();
    resized.abort();
  };
  terminal.streams.stdout.on("resize", onResize);
  signal.addEventListener("abort", screen.close); // at once, even if the current run takes longer
  try {
    while (!signal.aborted && terminal.out.isOpen) {
      const { stdin, stdout } = terminal.streams;
      const { columns } = sizeOf(stdout);
      const unlimited = { highWaterMark: Number.MAX_SAFE_INTEGER, encoding: "utf8" } as const;
      const [out, said] = [new PassThrough(unlimited), new PassThrough(unlimited)];
      const streams = { stdin, stdout: Object.assign(out, { isTTY: true, columns }), stderr: said };
      const problem = await runOnce(context, terminalOn(streams, terminal.env, clock, false), refresh);
      if (signal.aborted) break;
      const notes = [...linesOf(said), ...(problem === undefined ? [] : [errorText(problem)])];
      if (!terminal.errIsTerminal) for (const line of notes.splice(0)) await terminal.err.write(`${line}\n`);
      const now = formatInZone(Math.floor(clock.now()), (await context.rules()).zone);
      const head = colors.dim(`${now}  every ${formatDuration(every)}, Ctrl-C to stop`);
      screen.draw({ head, body: linesOf(out), plainNotes: notes });
      resized = new AbortController();
      await clock.sleep(every * 1000, [signal, resized.signal]);
      if (resized.signal.aborted) await clock.sleep(Math.min(1, every) * 1000, signal); // at most once a second
    }
  } finally {
    signal.removeEventListener("abort", screen.close);
    terminal.streams.stdout.off("resize", onResize);
    screen.close();
  }
}

function linesOf(stream: PassThrough): string[] {
  const text: string = stream.read() ?? "";
  return text.split("\n").slice(0, -1);
}

async function inPipe(context: Context, every: number, refresh: Refresh): Promise<void> {
  const { terminal, signal } = context;
  const isJson = context.flags.output === "json" || context.flags.output === "jsonl";
  const separator = isJson ? "" : context.flags.output === "yaml" ? "---\n" : "\n";
  for (let isFirst = true; !signal.aborted && terminal.out.isOpen; isFirst = false) {
    if (!isFirst) await terminal.out.write(separator);
    const problem = await runOnce(context, terminal, refresh);
    if (problem !== undefined) await sayError(terminal.err, problem, isJson, null);
    await context.clock.sleep(every * 1000, signal);
  }
}

/** One run with its own connection. Returns its error, if any. @throws TtsctlError for wrong usage */
async function runOnce(context: Context, terminal: Terminal, refresh: Refresh): Promise<TtsctlError | undefined> {
  const { output, verbose } = context.flags;
  const flags = { verbose, output: output === "jsonl" ? "json" : output } as const;
  const once = context.fork(await context.settings(), terminal, flags);
  const problem = await refresh(once)
    .then(() => undefined, ours)
    .finally(() => once.release());
  if (problem?.exitCode === 2) throw problem;
  return problem;
}

type Picture = { readonly head: string; readonly body: readonly string[]; readonly plainNotes: readonly string[] };

/** The lines that fit the screen; the body is shortened. */
function frame({ head, body, plainNotes }: Picture, { columns, rows }: Size): string[] {
  const notes = plainNotes.flatMap((note) => wrap(note, columns));
  const room = Math.max(0, rows - 1 - notes.length);
  const first = body.slice(0, Math.max(0, room - 1));
  const more = room > 0 ? `… ${counted(body.length - first.length, "more line")}` : "";
  const shown = body.length <= room ? body : [...first, more];
  return [head, ...shown, ...notes].slice(0, rows).map((line) => cut(line, columns));
}
