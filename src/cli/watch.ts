import { watchInterval, watchPasses } from "../app/cleanup.ts";
import type { Settings } from "../config/settings.ts";
import { ours, TtsctlError } from "../errors.ts";
import { formatDuration } from "../task/amounts.ts";
import type { Context } from "./context.ts";

/** @param refusal why the pass must not begin; it counts as failed. @param doubt as for a `Watcher` */
type RunPass = (pass: Context, ...doubts: Doubts) => Promise<unknown>;
type Doubts = [refusal: TtsctlError | null, doubt: TtsctlError | null];

/** Runs passes until SIGTERM or SIGINT, also after failed ones. Only SIGHUP reloads the configuration. @throws WATCHER_RUNNING */
export async function watch(context: Context, runPass: RunPass, onWait = (_seconds: number) => {}): Promise<void> {
  let hangup = new AbortController();
  const onHangup = () => hangup.abort();
  process.on("SIGHUP", onHangup); // before the configuration is read, so later changes aren't missed
  context.onRelease(async () => void process.off("SIGHUP", onHangup));
  await context.requireConfig(true);
  const file = await context.changingFileStore();
  let settings = await context.settings();
  const lock = await file.lock("watch");
  const watcher = {
    settings: async () => {
      const isReloaded = hangup.signal.aborted;
      if (isReloaded) {
        hangup = new AbortController();
        settings = await reload(context, settings);
      }
      return { cleanup: settings.cleanup, isTrusted: isReloaded };
    },
    pass: (...doubts: Doubts) => tryPass(context.fork(settings), runPass, doubts),
    wait: (seconds: number) => {
      onWait(seconds);
      if (!context.signal.aborted && seconds > watchInterval(settings.cleanup.retention.value)) {
        void context.note("info", `next pass in ${Math.round(seconds)} s`);
      }
      return context.clock.sleep(seconds * 1000, [context.signal, hangup.signal]);
    },
  };
  const { value: retention } = settings.cleanup.retention;
  const when = `retention ${formatDuration(retention)}, a pass every ${watchInterval(retention)} s`;
  await context.note("info", `watching ${settings.store.path.value}: ${when}`);
  await watchPasses(context, lock, watcher);
  await context.note("info", "watch stopped");
}

/** The new settings, or the old ones if the new ones can't be used. */
async function reload(context: Context, old: Settings): Promise<Settings> {
  try {
    const settings = await context.loadSettings();
    if (settings.configPath !== old.configPath) {
      const what = "config.ini was added or removed; restart the watcher to use the new settings";
      throw new TtsctlError("CONFIG_NOT_FOUND", what);
    }
    if (settings.store.path.value !== old.store.path.value) {
      throw new TtsctlError("CONFIG_INVALID", "it names another store file; restart the watcher to use it");
    }
    await context.note("info", "configuration reloaded");
    return settings;
  } catch (error) {
    await logFailure(context, "configuration not reloaded", ours(error));
    return old;
  }
}

/** One pass with its own connection and locks. Returns whether it failed. */
async function tryPass(pass: Context, runPass: RunPass, doubts: Doubts): Promise<boolean> {
  try {
    await runPass(pass, ...doubts);
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
  const known = error instanceof TtsctlError ? { code: error.code, hint: error.hint ?? null } : { code: "INTERNAL" };
  return context.note("error", `${what}: ${error instanceof Error ? error.message : String(error)}`, known);
}
