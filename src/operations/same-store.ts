import { TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { TaskId } from "../store/task-source.ts";

/** How many tasks of each store are looked for in the other. */
const SAMPLE = 64;
/** Fewer tasks that only Redis has are what any outage or restore leaves. */
const LEAST_STRANGE = 5;

/**
 * Refuses a store file and a Redis that are those of two services (SPEC section 6: a wrong folder purges nothing): none
 * of the newest tasks of Redis is in the file, nor any of a sample of the file's in Redis.
 * @param since epoch seconds: tasks that only Redis has count from then on; older ones are what the file lost to a purge
 * @throws TtsctlError STORE_MISMATCH
 */
export async function checkSameStore(snapshot: Snapshot, mirror: Mirror, since = 0): Promise<void> {
  const problem = await storeMismatch(snapshot, mirror, since);
  if (problem !== null) throw problem;
}

/** The same as a value; null where the two may belong together. */
export async function storeMismatch(snapshot: Snapshot, mirror: Mirror, since: number): Promise<TtsctlError | null> {
  return snapshot.size === 0 ? null : mismatchOf(snapshot, mirror, { since, isOurs: () => false });
}

/**
 * The same before a program writes to Redis for the first time: a file without tasks doesn't belong to a Redis with tasks.
 * @param isOurs whether the file had a task, which was deleted and may still be in Redis
 * @throws TtsctlError STORE_MISMATCH
 */
export async function checkBeforeUse(
  snapshot: Snapshot,
  mirror: Mirror,
  isOurs: (id: TaskId) => boolean,
): Promise<void> {
  const problem = await mismatchOf(snapshot, mirror, { since: Number.NEGATIVE_INFINITY, isOurs });
  if (problem !== null) throw problem;
}

async function mismatchOf(
  snapshot: Snapshot,
  mirror: Mirror,
  { since, isOurs }: { since: number; isOurs: (id: TaskId) => boolean },
): Promise<TtsctlError | null> {
  const newest = await mirror.newest(undefined, 0, SAMPLE);
  if (newest.some((id) => snapshot.holds(id) || isOurs(id))) return null;
  const strange = newest.filter(({ score }) => score > since).length;
  if (strange < LEAST_STRANGE) return null;
  const statuses = await mirror.statuses(sampleOf(snapshot));
  if (statuses.some((status) => status !== null)) return null;
  return new TtsctlError(
    "STORE_MISMATCH",
    `${snapshot.path} and Redis at ${mirror.where} have no task in common: nothing was changed`,
    {
      hint: "check --store, and [store] and [redis] in config.ini: a second store needs a db or a prefix of its own; if they belong together, run `ttsctl sync` first",
    },
  );
}

function sampleOf(snapshot: Snapshot): TaskId[] {
  const ids: TaskId[] = [];
  for (const row of snapshot.liveRows()) {
    if (ids.length === SAMPLE) break;
    ids.push(snapshot.idOf(row));
  }
  return ids;
}
