import { once } from "node:events";
import { emitKeypressEvents, type Interface, type Key } from "node:readline";
import type { ReadStream } from "node:tty";
import { buildFilter } from "../../app/list-query.ts";
import { type Clock, restAfter } from "../../clock.ts";
import { ours, usage } from "../../errors.ts";
import { splitIds } from "../../task/ids.ts";
import { FLAG_NAMES, type TaskFilter } from "../../task/query-fields.ts";
import { formatInZone } from "../../task/time.ts";
import type { CommandSpec, Context, Flags } from "../context.ts";
import { errorText } from "../report-error.ts";
import { openScreen, sizeOf } from "../screen.ts";
import { addInterval, addSelection, addUser, DEFAULT_INTERVAL } from "../selection.ts";
import { type FilterTexts, onKey, sameTask, showList, TopState } from "./model.ts";
import { type Change, changeTask, type Row, readCounts, readList, taskLines } from "./readings.ts";
import { view } from "./view.ts";

export const spec: CommandSpec = {
  about: "a live screen: counts, rates, failures and the newest tasks, to view, mark and delete",
  declare(command) {
    command.option("--read-only", "change nothing: no mark, no delete", false);
    const help = "seconds, or a duration such as 10s, between two readings";
    addInterval(addSelection(addUser(command), ["statuses"]), help);
  },
  run: runTop,
  examples: `
Keys: arrows or j and k move, Enter opens a task, / and f filter by user and
status, m marks, d deletes after a confirmation, ? lists all keys, q quits.
Examples:
  ttsctl top
  ttsctl top --status run,wait --interval 5
  ttsctl top --read-only                     change nothing`,
};

/** Reads, draws and takes keys until `q` or a signal. @throws USAGE for a wrong filter and without a terminal, CONFIG_* */
async function runTop(context: Context, flags: Flags): Promise<void> {
  const { terminal } = context;
  if (!terminal.outIsTerminal || terminal.streams.stdin.isTTY !== true || terminal.env.TERM === "dumb") {
    const instead = "elsewhere use `ttsctl stats`, or `ttsctl list --watch`";
    throw usage("top needs a terminal for its screen and keys", instead);
  }
  const { user = "", status = "", interval: every = DEFAULT_INTERVAL, readOnly } = flags;
  let filter = await filterOf(context, { user, status });
  const stop = new AbortController();
  const end = () => stop.abort();
  const soon = () => {
    for (const { now } of readings) now();
  };
  await context.liveOn({ events: { onUp: soon, onDown: soon } });
  const stopped = AbortSignal.any([context.signal, stop.signal]);
  const stdin = terminal.streams.stdin as ReadStream;
  const { stdout } = terminal.streams;
  const { zone } = await context.rules();
  const { colors } = await context.tableStyle();
  const style = { colors, every, clock: (epoch: number) => formatInZone(Math.floor(epoch), zone).slice(11, 19) };
  const state = new TopState(sizeOf(stdout).rows, { user, status }, readOnly);
  /** Changes and readings of single tasks that are under way. */
  const work = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;

  const reclaim = terminal.lend();
  const onTaken = (isTaken: boolean) => {
    stdin.setRawMode(isTaken);
    stdout.write(isTaken ? PASTES_MARKED : PASTES_PLAIN);
  };
  const screen = openScreen(terminal, (shown: TopState, size) => view(shown, size, style), { onTaken });

  function draw(): void {
    if (!stopped.aborted) screen.draw(state);
  }

  /** An error that isn't ttsctl's own ends the run, with the terminal restored. */
  function begin(task: () => Promise<void>): void {
    const running = task().then(draw, (error) => {
      failure ??= { error };
      end();
    });
    work.add(running);
    void running.finally(() => work.delete(running));
  }

  async function apply(wanted: FilterTexts): Promise<void> {
    try {
      filter = await filterOf(context, wanted);
      Object.assign(state, { filter: wanted, chosen: null, at: 0, listed: null });
      soon();
    } catch (error) {
      state.said = [errorText(ours(error))];
    }
  }

  async function change(row: Row, wanted: Change): Promise<void> {
    state.said = await changeTask(context, row, wanted);
    state.busy = null;
    soon();
  }

  /** Another task may be open by then. */
  async function open(row: Row): Promise<void> {
    const lines = await taskLines(context, row);
    const { task } = state;
    if (task !== null && sameTask(task.row, row)) state.task = { ...task, lines };
    draw();
  }

  async function list(): Promise<void> {
    try {
      const asked = filter;
      const listed = await readList(context, asked);
      if (asked === filter) showList(state, listed);
    } catch (error) {
      const notes = [errorText(ours(error))];
      if (state.listed === null) state.said = notes;
      else state.listed = { ...state.listed, notes };
    }
    draw();
    if (state.task !== null) await open(state.task.row);
  }

  async function count(): Promise<void> {
    state.counted = await readCounts(context).catch((error) => {
      ours(error); // the list reports it
      return state.counted;
    });
    draw();
  }

  const actions = {
    read: soon,
    open: (row: Row) => begin(() => open(row)),
    filter: (wanted: FilterTexts) => begin(() => apply(wanted)),
    change: (row: Row, wanted: Change) => begin(() => change(row, wanted)),
    quit: end,
  };
  let isPaste = false;
  const onKeypress = (text: string | undefined, key: Key) => {
    const name = keyName(text, key);
    if (name === undefined) return;
    if (name === "paste-start" || name === "paste-end") isPaste = name === "paste-start";
    else if (name === "ctrl-z" && !isPaste)
      process.kill(0, "SIGTSTP"); // as the terminal does: the whole job
    else if (name === "ctrl-l") screen.redraw();
    else onKey(state, name, actions, isPaste);
    draw();
  };
  const onHangUp = () => stop.abort("SIGHUP");
  const onResize = () => {
    state.rows = sizeOf(stdout).rows;
    screen.redraw();
    soon();
  };

  emitKeypressEvents(stdin, { escapeCodeTimeout: 50 } as unknown as Interface); // for the rest of a key's sequence
  stdin.on("keypress", onKeypress).on("end", end).on("error", end).resume();
  stdout.on("resize", onResize).on("error", end);
  process.on("SIGHUP", onHangUp); // by itself it would leave the terminal as it is
  const readings = [list, count].map((read) => repeated(context.clock, read, every, stopped));
  screen.draw(state);
  for (const { run } of readings) begin(run);
  let wasBusy = false;
  try {
    if (!stopped.aborted) await once(stopped, "abort");
    wasBusy = state.busy !== null;
    if (!wasBusy) screen.close(); // at once, even if a reading takes longer
    while (work.size > 0) await Promise.all(work);
  } finally {
    process.off("SIGHUP", onHangUp);
    stdout.off("resize", onResize).off("error", end);
    stdin.off("keypress", onKeypress).off("end", end).off("error", end).pause();
    screen.close();
    reclaim();
  }
  if (wasBusy) for (const line of state.said) await context.inform(line);
  if (stop.signal.reason === "SIGHUP") process.kill(process.pid, "SIGHUP"); // Node.js crashes if it restores a terminal that is gone
  if (failure !== undefined) throw failure.error;
}

/** Whether the terminal marks the beginning and the end of pasted text. */
const [PASTES_MARKED, PASTES_PLAIN] = ["\u001b[?2004h", "\u001b[?2004l"];

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

async function filterOf(context: Context, { user, status }: FilterTexts): Promise<TaskFilter> {
  const raw = { users: user === "" ? null : [user], statuses: status === "" ? null : splitIds(status) };
  return buildFilter(raw, { names: FLAG_NAMES, rules: await context.rules(), now: context.clock.now() });
}
