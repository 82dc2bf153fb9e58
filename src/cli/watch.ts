import { setTimeout as sleep } from "node:timers/promises";
import { isRedisError, TtsctlError } from "../errors.ts";
import { allowedSkew } from "../operations/safety.ts";
import { printable } from "../render/printable.ts";
import { type CleanupFlags, cleanupPass, summaryLine } from "./cleanup-pass.ts";
import type { Context } from "./context.ts";
import { DONE, emitObject } from "./emit.ts";

const SHORTEST_S = 30;
const LONGEST_S = 300;
/** After failed passes in a row the wait doubles, up to this. */
const LONGEST_BACKOFF_S = 900;

/** How long to wait between passes: a tenth of the retention, 30 s at least and 300 s at most (SPEC section 6). */
export function watchInterval(retention: number): number {
  return Math.min(LONGEST_S, Math.max(SHORTEST_S, retention / 10));
}

/**
 * A pass, a wait, and on through any failure of a pass. Ends with SIGTERM or SIGINT after the batch in hand; SIGHUP
 * reads the configuration again. The log lines go to stderr always.
 * @throws TtsctlError WATCHER_RUNNING
 */
export async function watch(context: Context, flags: CleanupFlags): Promise<number> {
  const lock = await (await context.fileStore()).lock("watch");
  context.onRelease(() => lock.release());
  const reload = new Reload();
  context.onRelease(async () => reload.end());
  let failures = 0;
  for (let clocks = readClocks(context); !context.signal.aborted; ) {
    const pass = context.fork();
    const jump = clockJump(clocks, readClocks(pass));
    clocks = readClocks(pass);
    const retention = await runPass(pass, flags, jump, (failed) => {
      failures = failed ? failures + 1 : 0;
    });
    const wait = Math.min(LONGEST_BACKOFF_S, watchInterval(retention) * 2 ** Math.min(failures, 10));
    await reload.waitFor(wait, context.signal);
  }
  await log(context, "watch ended");
  return DONE;
}

/** One pass with settings, connection and locks of its own. Returns the retention that it went by, in seconds. */
async function runPass(
  pass: Context,
  flags: CleanupFlags,
  jump: number,
  ended: (failed: boolean) => void,
): Promise<number> {
  let retention = LONGEST_S * 10;
  let failed = true;
  try {
    retention = (await pass.settings()).cleanup.retention.value;
    refuseJump(jump, retention);
    const outcome = await cleanupPass(pass, flags);
    if (outcome !== null) {
      await emitObject(pass, outcome.result, () => summaryLine(outcome.result));
      if (outcome.problem !== null) await log(pass, `pass: ${outcome.problem.message}`);
    }
    failed = outcome?.problem != null && !isRedisError(outcome.problem);
  } catch (error) {
    await log(pass, `pass failed: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await pass.release();
  }
  ended(failed);
  return retention;
}

interface Clocks {
  readonly wall: number;
  readonly monotonic: number;
}

function readClocks({ clock }: Context): Clocks {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

/** By how much the wall clock moved more, or less, than time went by. */
function clockJump(before: Clocks, after: Clocks): number {
  return Math.abs(after.wall - before.wall - (after.monotonic - before.monotonic));
}

/** @throws TtsctlError CLOCK_SKEW */
function refuseJump(jump: number, retention: number): void {
  if (retention <= 0 || jump <= allowedSkew(retention)) return;
  throw new TtsctlError(
    "CLOCK_SKEW",
    `the clock jumped by ${Math.round(jump)} s since the last pass: nothing was purged`,
  );
}

async function log({ terminal, clock }: Context, line: string): Promise<void> {
  await terminal.err.write(`${new Date(clock.now() * 1000).toISOString()} ${printable(line)}\n`);
}

/** SIGHUP ends a wait early, so that the next pass reads the configuration anew. */
class Reload {
  #wake: (() => void) | undefined;
  readonly #onHangup = () => this.#wake?.();

  constructor() {
    process.on("SIGHUP", this.#onHangup);
  }

  async waitFor(seconds: number, signal: AbortSignal): Promise<void> {
    const early = new AbortController();
    this.#wake = () => early.abort();
    await sleep(seconds * 1000, undefined, { signal: AbortSignal.any([signal, early.signal]) }).catch(() => {});
    this.#wake = undefined;
  }

  end(): void {
    process.off("SIGHUP", this.#onHangup);
  }
}
