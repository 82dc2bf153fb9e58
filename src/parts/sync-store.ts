import type { SyncOptions, SyncOutcome, SyncParts } from "../operations/sync.ts";
import type { Parts } from "./parts.ts";

/**
 * Pushes the store file to Redis, with what that needs opened for it and the run lock held until the parts are released.
 * @throws TtsctlError as `sync`, LOCK_TIMEOUT
 */
export async function syncStore(
  parts: Parts,
  { ledger, confirm }: Pick<SyncParts, "ledger" | "confirm">,
  options: SyncOptions,
): Promise<SyncOutcome> {
  const { sync } = await import("../operations/sync.ts");
  const file = await parts.changingFileStore(); // first, because it prints warnings that may explain a missing Redis
  const mirror = await parts.mirror();
  return sync({ ...(await parts.changeParts(ledger, options.dryRun, file)), mirror, confirm }, options);
}

/** The sync that a process makes by itself: it deletes nothing and asks nobody. Throws as `syncStore`. */
export function pushFile(parts: Parts): Promise<SyncOutcome> {
  const options = { dryRun: false, checksum: false, prune: false, maxDelete: null, allowEmpty: false };
  return syncStore(parts, { ledger: null, confirm: async () => {} }, options);
}
