import { type Clock, later } from "../clock.ts";
import type { SyncOptions, SyncOutcome, SyncParts } from "../operations/sync.ts";
import type { MirrorWriter } from "../store/mirror-writer.ts";
import type { PendingRepairs } from "../store/pending-repairs.ts";
import type { RunParts } from "./parts.ts";

/**
 * Pushes the store file to Redis. The run lock is held until the parts are released.
 * @throws TtsctlError as `sync`, LOCK_TIMEOUT
 */
export async function syncStore(
  parts: RunParts,
  { ledger, confirm }: Pick<SyncParts, "ledger" | "confirm">,
  options: SyncOptions,
): Promise<SyncOutcome> {
  const { sync } = await import("../operations/sync.ts");
  const file = await parts.changingFileStore(); // first, because it prints warnings that may explain a missing Redis
  const mirror = await parts.mirror();
  return sync({ ...(await parts.changeParts(ledger, options.dryRun, file)), mirror, confirm }, options);
}

/**
 * The sync of a long-running process: it deletes only pending removals, and releases the parts.
 * @throws TtsctlError as `syncStore`
 */
export async function pushFile(
  parts: RunParts,
  writer: Pick<MirrorWriter, "aroundSync">,
  repairs: PendingRepairs,
): Promise<SyncOutcome> {
  const options = { dryRun: false, checksum: false, prune: false, maxDelete: null, allowEmpty: false };
  const needed = repairs.syncNeeded;
  try {
    const push = () => syncStore(parts, { ledger: null, confirm: async () => {} }, options);
    const outcome = await writer.aroundSync(push);
    if (outcome.failed === 0) repairs.wasSynced(needed);
    return outcome;
  } finally {
    await parts.release().catch(() => {}); // the outcome of the sync counts
  }
}

const RETRY_MS = 1000;

/**
 * Repeats an attempt until it succeeds, after a second and then after pauses that double. One attempt runs at a time.
 * @param attempt returns whether it succeeded, and doesn't throw
 */
export function retrying(clock: Clock, attempt: () => Promise<boolean>, longestMs: number, signal: AbortSignal) {
  let running: Promise<void> | null = null;
  let waiting = new AbortController();
  let pauseMs = RETRY_MS;

  function start(): void {
    if (signal.aborted) return;
    running ??= attempt().then((isDone) => {
      running = null;
      if (isDone) return;
      void later(clock, pauseMs, waiting.signal, start);
      pauseMs = Math.min(2 * pauseMs, longestMs);
    });
  }

  return {
    /** Attempts now, unless an attempt is under way. */
    begin(): void {
      pauseMs = RETRY_MS;
      waiting.abort();
      waiting = new AbortController();
      start();
    },
    running: () => running,
  };
}
