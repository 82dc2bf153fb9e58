import { emitKeypressEvents, type Interface, type Key } from "node:readline";
import type { ReadStream } from "node:tty";
import { DONE } from "../../app/ended.ts";
import { type Clock, restAfter } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import { buildFilter } from "../../operations/list-query.ts";
import { splitIds } from "../../task/ids.ts";
import { FLAG_NAMES, type TaskFilter } from "../../task/query-fields.ts";
import { formatInZone } from "../../task/time.ts";
import type { Context } from "../context.ts";
import { errorText } from "../report-error.ts";
import { openScreen, sizeOf } from "../screen.ts";
import { changeTask } from "./change.ts";
import { type FilterTexts, newState, next, type Row, sameTask, type TopEffect, type TopEvent } from "./model.ts";
import { readCounts, readList, taskLines } from "./readings.ts";
import { view } from "./view.ts";

export interface TopOptions {
  /** Seconds between two readings. */
  readonly every: number;
  readonly filter: FilterTexts;
  readonly readOnly: boolean;
}

/**
 * The screen of `ttsctl top`: reads, draws and takes keys until `q`, SIGINT or SIGTERM. The caller made sure of a terminal.
 * @throws TtsctlError USAGE for a wrong filter, CONFIG_*
 */
export async function runTop(context: Context, { every, filter, readOnly }: TopOptions): Promise<number> {
  let applied = await filterOf(context, filter);
  const stop = new AbortController();
  const end = () => stop.abort();
  const soon = () => {
    lists.now();
    counts.now();
  };
  await context.liveOn({ events: { onUp: soon, onDown: soon }, forReaders: (state) => state });
  const { terminal, signal } = context;
  const stdin = terminal.streams.stdin as ReadStream;
  const { stdout } = terminal.streams;
  const zone = await context.zone();
  const { colors } = await context.tableStyle();
  const style = { colors, every, clock: (epoch: number) => formatInZone(Math.floor(epoch), zone).slice(11, 19) };
  let state = newState(sizeOf(stdout).rows, filter, readOnly);
  /** Changes and readings of single tasks that are under way. */
  const work = new Set<Promise<void>>();
  let isReading = false;
  let failure: { error: unknown } | undefined;

  const reclaim = terminal.lend();
  const onTaken = (isTaken: boolean) => {
    stdin.setRawMode(isTaken);
    stdout.write(isTaken ? PASTES_MARKED : PASTES_PLAIN);
  };
  const screen = openScreen(terminal, (shown: typeof state, size) => view(shown, size, style), { onTaken });

  function dispatch(event: TopEvent): void {
    const { state: after, effect } = next(state, event);
    state = after;
    if (stop.signal.aborted) return;
    screen.draw(state);
    if (effect !== undefined) perform(effect);
  }

  function perform(effect: TopEffect): void {
    if (effect.kind === "quit") end();
    else if (effect.kind === "read") soon();
    else if (effect.kind === "open") begin(() => open(effect.row));
    else if (effect.kind === "filter") begin(() => apply(effect.filter));
    else begin(async () => dispatch({ kind: "changed", lines: await changeTask(context, effect.row, effect.change) }));
  }

  /** An error that isn't ttsctl's own ends the run, with the terminal restored. */
  function begin(task: () => Promise<void>): void {
    const running = task().catch((error) => {
      failure ??= { error };
      end();
    });
    work.add(running);
    void running.finally(() => work.delete(running));
  }

  async function apply(wanted: FilterTexts): Promise<void> {
    try {
      applied = await filterOf(context, wanted);
      dispatch({ kind: "filtered", filter: wanted });
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error;
      dispatch({ kind: "refused", why: errorText(error) });
    }
  }

  /** One at a time; if another task is open by then, that one is read next. */
  async function open(row: Row): Promise<void> {
    if (isReading) return;
    isReading = true;
    try {
      for (let wanted: Row | undefined = row; wanted !== undefined; ) {
        const read: Row = wanted;
        dispatch({ kind: "task", row: read, lines: await taskLines(context, read) });
        const { mode } = state;
        wanted = mode.kind === "task" && !sameTask(mode.row, read) ? mode.row : undefined;
      }
    } finally {
      isReading = false;
    }
  }

  async function list(): Promise<void> {
    try {
      const asked = applied;
      const listed = await readList(context, asked);
      if (asked === applied) dispatch({ kind: "listed", listed });
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error;
      dispatch({ kind: "unlisted", note: errorText(error) });
    }
    if (state.mode.kind === "task") await open(state.mode.row);
  }

  /** The list reports errors. */
  async function count(): Promise<void> {
    try {
      dispatch({ kind: "counted", counted: await readCounts(context) });
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error;
    }
  }

  let isPaste = false;
  const onKey = (text: string | undefined, key: Key) => {
    const name = keyName(text, key);
    if (name === "paste-start" || name === "paste-end") isPaste = name === "paste-start";
    else if (isPaste && name !== undefined) dispatch({ kind: "pasted", key: name });
    else if (name === "ctrl-z")
      process.kill(0, "SIGTSTP"); // as the terminal does: the whole job stops
    else if (name === "ctrl-l") screen.redraw();
    else if (name !== undefined) dispatch({ kind: "key", key: name });
  };
  let isHungUp = false;
  const onHangUp = () => {
    isHungUp = true;
    end();
  };
  const onResize = () => {
    dispatch({ kind: "size", rows: sizeOf(stdout).rows });
    screen.redraw();
    lists.now();
  };

  emitKeypressEvents(stdin, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface);
  stdin.on("keypress", onKey).on("end", end).on("error", end).resume();
  stdout.on("resize", onResize).on("error", end);
  signal.addEventListener("abort", end);
  process.on("SIGHUP", onHangUp); // by itself it would leave the terminal as it is
  if (signal.aborted) end();
  const lists = repeated(context.clock, list, every, stop.signal);
  const counts = repeated(context.clock, count, every, stop.signal);
  screen.draw(state);
  begin(lists.run);
  begin(counts.run);
  let wasBusy = false;
  try {
    if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
    wasBusy = state.busy !== null;
    if (!wasBusy) screen.close(); // at once, even if a reading takes longer
    while (work.size > 0) await Promise.all(work);
  } finally {
    signal.removeEventListener("abort", end);
    process.off("SIGHUP", onHangUp);
    stdout.off("resize", onResize).off("error", end);
    stdin.off("keypress", onKey).off("end", end).off("error", end).pause();
    screen.close();
    await reclaim();
  }
  if (wasBusy) for (const line of state.said) await context.inform(line);
  if (isHungUp) process.kill(process.pid, "SIGHUP"); // Node.js crashes if it restores a terminal that is gone
  if (failure !== undefined) throw failure.error;
  return DONE;
}

/** Whether the terminal marks the beginning and the end of pasted text. */
const [PASTES_MARKED, PASTES_PLAIN] = ["\u001b[?2004h", "\u001b[?2004l"];

/** How long a lone escape character waits for the rest of a key's sequence. */
const ESCAPE_MS = 50;

/** The character that was typed, or the key's name; undefined for other keys. */
function keyName(text: string | undefined, { name, ctrl, meta }: Key): string | undefined {
  if (ctrl) return name === undefined ? undefined : `ctrl-${name}`;
  if (name === "return" || name === "enter") return "enter";
  if (text !== undefined && !meta && [...text].length === 1 && text >= " " && text !== "\u007f") return text;
  return name;
}

/** Work that is repeated until the stop, and at once after a call of `now`. */
function repeated(clock: Clock, task: () => Promise<void>, every: number, stop: AbortSignal) {
  let again = new AbortController();
  return {
    now: () => again.abort(),
    run: async () => {
      while (!stop.aborted) {
        again = new AbortController(); // a call during the work counts
        const began = clock.monotonic();
        await task();
        await clock.sleep(restAfter(began, every, clock) * 1000, [stop, again.signal]);
      }
    },
  };
}

/** @throws TtsctlError USAGE */
async function filterOf(context: Context, { user, status }: FilterTexts): Promise<TaskFilter> {
  const raw = {
    ...(user === "" ? {} : { users: [user] }),
    ...(status === "" ? {} : { statuses: splitIds(status) }),
  };
  return buildFilter(raw, { names: FLAG_NAMES, rules: await context.rules(), now: context.clock.now() });
}
