import { isRedisError } from "../errors.ts";
import { sync } from "../operations/sync.ts";
import { FileStore } from "../store/file/file-store.ts";
import { redisDisabled } from "../store/read-first.ts";
import type { StoreParts } from "./parts.ts";
import { reporterTo } from "./reporter.ts";
import type { SyncResult } from "./types.ts";

const NOTHING_REMOVED = { prune: false, maxDelete: null, allowEmpty: false };

/** `ttsctl sync` by a program: the run lock is held, and a failure of Redis is a value. */
export async function syncToRedis(
  { settings, rules, clock, link, logger }: StoreParts,
  signal: AbortSignal,
): Promise<SyncResult> {
  const state = await link.open();
  if (state.kind !== "on") {
    return { counts: null, problem: state.kind === "down" ? state.error : redisDisabled() };
  }
  const file = new FileStore(settings.store.path.value, rules, clock, { signal });
  const lock = await file.lock("run");
  try {
    const {
      failedToPrune: _,
      pruned: __,
      dryRun: ___,
      ...counts
    } = await sync(
      {
        ...{ file, mirror: state.mirror, clock, ledger: null, reporter: reporterTo(logger) },
        signal,
        confirm: async () => {},
      },
      { dryRun: false, checksum: false, ...NOTHING_REMOVED },
    );
    return { counts, problem: null };
  } catch (error) {
    if (!isRedisError(error)) throw error;
    logger.warn(`not synchronised: ${error.message}`);
    return { counts: null, problem: error };
  } finally {
    await lock.release();
  }
}
