import { TtsctlError } from "../../errors.ts";
import type { Context } from "../context.ts";

/**
 * The loop of `cleanup --watch`, until a signal. Beside a watcher of the store there is none, and that is said; whatever
 * else ends it does not end the server.
 */
export async function cleanUp(context: Context): Promise<void> {
  if (context.signal.aborted) return;
  const { watch } = await import("../watch.ts");
  const fork = context.fork(await context.settings());
  try {
    await watch(fork, { dryRun: false, allowEmpty: false });
  } catch (error) {
    if (!(error instanceof TtsctlError)) throw error;
    const msg = `this server does not clean up: ${error.message}`;
    await context.terminal.err.sayWhen({ level: "warn", msg, fields: { code: error.code } });
  } finally {
    await fork.release();
  }
}
