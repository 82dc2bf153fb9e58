import type { Settings } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import { watchInterval, watchPasses } from "../parts/cleanup.ts";
import { formatDuration } from "../task/amounts.ts";
import type { Context } from "./context.ts";
import { DONE } from "./emit.ts";
import { Waker } from "./waker.ts";

/** @param refusal why the pass must not begin; it then counts as one that failed */
type RunPass = (pass: Context, refusal: TtsctlError | null) => Promise<unknown>;

/**
 * A pass, a wait, and on through any failure of a pass. Ends with SIGTERM or SIGINT after the batch in hand; SIGHUP
 * reads the configuration again: nothing else does, so that a config.ini that is gone for a moment changes nothing.
 * The log lines go to stderr always.
 * @throws TtsctlError WATCHER_RUNNING
 */
export async function watch(context: Context, runPass: RunPass): Promise<number> {
  const waker = new Waker();
  let hasHangup = false;
  const onHangup = () => {
    hasHangup = true;
    waker.wake();
  };
  process.on("SIGHUP", onHangup); // before the configuration is read: what changes after that is not missed
  context.onRelease(async () => void process.off("SIGHUP", onHangup));
  await context.requireConfig(true);
  const file = await context.changingFileStore();
  let settings = await context.settings();
  const watcher = {
    lock: await file.lock("watch"),
    settings: async () => {
      const isReloaded = hasHangup;
      hasHangup = false;
      if (isReloaded) settings = await reload(context, settings);
      return { cleanup: settings.cleanup, isTrusted: isReloaded };
    },
    pass: (refusal: TtsctlError | null) => tryPass(context.fork(settings), runPass, refusal),
    wait: async (seconds: number) => {
      if (!hasHangup) await waker.orAfter(seconds, context.signal);
    },
  };
  context.onRelease(() => watcher.lock.release());
  const { store, cleanup } = settings;
  const [retention, interval] = [cleanup.retention.value, watchInterval(cleanup.retention.value)];
  const when = `retention ${formatDuration(retention)}, a pass every ${interval} s`;
  await context.note("info", `watching ${store.path.value}: ${when}`);
  await watchPasses(context, watcher);
  await context.note("info", "watch ended");
  return DONE;
}

/** The new settings, or the old ones where the new ones cannot be used. */
async function reload(context: Context, old: Settings): Promise<Settings> {
  try {
    const settings = await context.reloadSettings();
    if (settings.configPath !== old.configPath) throw new TtsctlError("CONFIG_NOT_FOUND", "config.ini is gone");
    if (settings.store.path.value !== old.store.path.value) {
      throw new TtsctlError("CONFIG_INVALID", "the store file is another one now; restart the watcher for it");
    }
    await context.note("info", "configuration read again");
    return settings;
  } catch (error) {
    if (!(error instanceof TtsctlError)) throw error;
    await logFailure(context, "configuration not taken over", error);
    return old;
  }
}

/** One pass with a connection and locks of its own. True if it failed. */
async function tryPass(pass: Context, runPass: RunPass, refusal: TtsctlError | null): Promise<boolean> {
  try {
    await runPass(pass, refusal);
    return false;
  } catch (error) {
    const isInterrupted = error instanceof TtsctlError && error.code === "INTERRUPTED";
    await (isInterrupted ? pass.note("info", `pass ${error.message}`) : logFailure(pass, "pass failed", error));
    return true;
  } finally {
    await pass.release().catch((error) => logFailure(pass, "after the pass", error));
  }
}

function logFailure(context: Context, what: string, error: unknown): Promise<void> {
  const msg = `${what}: ${error instanceof Error ? error.message : String(error)}`;
  const known = error instanceof TtsctlError ? { code: error.code, hint: error.hint ?? null } : { code: "INTERNAL" };
  return context.note("error", msg, known);
}
