import { isRedisError, TtsctlError } from "../errors.ts";
import { ofUser } from "../task/query-fields.ts";
import type { FileStore } from "./file/file-store.ts";
import { matchingRows } from "./file/file-tasks.ts";
import type { FileIdentity } from "./file/identity.ts";
import type { Snapshot } from "./file/snapshot.ts";
import { KeyTable } from "./key-table.ts";
import type { Mirror } from "./redis/mirror.ts";
import type { Standing } from "./redis/sync-state.ts";

/** How much the file may grow, or a user's index shrink, before tasks are counted again: a service adds and deletes tasks. */
const SLACK = 0.1;
/** How much smaller the index of all tasks may be than the size of the file suggests. */
const GUESS = 0.02;
/** Between two looks at an index that lacks tasks: a service writes Redis a moment after the file. */
const PATIENCE_MS = 100;
const MOST_LOOKS = 4;
/** After a write the file may be ahead of Redis this long. */
const LATELY_MS = 2000;

export const UNSYNCED =
  "Redis was never synced, or was flushed since, and has fewer tasks than the file: the file answered; run `ttsctl sync`";

/** Null if the index is complete. One round trip, and the file's size and time. */
export async function doubtsOf(mirror: Mirror, file: FileStore, userId: string | undefined): Promise<Standing | null> {
  const [standing, identity] = await Promise.all([
    mirror.standing(userId),
    file.identity().catch(() => undefined), // unknown
  ]);
  return standing.syncedAt !== null && isAsCounted(standing, identity, userId !== undefined) ? null : standing;
}

/** @param identity null for no file; undefined if unknown */
function isAsCounted(
  { members, counted }: Standing,
  identity: FileIdentity | null | undefined,
  ofUser: boolean,
): boolean {
  if (counted === null || identity === undefined) return false;
  const { count, version } = counted;
  if (version === versionOf(identity)) return members >= (count ?? 0);
  if (members === 0 || count === null) return false;
  const growth = sizeOf(identity) / Math.max(1, sizeIn(version));
  return growth <= 1 + SLACK && members >= count * (ofUser ? 1 - SLACK : growth * (1 - GUESS));
}

function versionOf(identity: FileIdentity | null): string {
  return `${sizeOf(identity)} ${identity?.mtimeNs ?? 0}`;
}

function sizeOf(identity: FileIdentity | null): number {
  return Number(identity?.size ?? 0);
}

function sizeIn(version: string): number {
  return Number(version.split(" ")[0]);
}

/**
 * Compares a doubtful index with the file: why the file must answer, or null. If the index is complete, stores new counts.
 * @param snapshot null if the file can't be read because of `problem`
 * @throws TtsctlError STORE_* if neither can answer
 */
export async function lackOf(
  mirror: Mirror,
  standing: Standing,
  snapshot: Snapshot | null,
  { userId, problem }: { userId: string | undefined; problem: TtsctlError | null },
): Promise<string | null> {
  if (snapshot === null) {
    const isUnknownUser = standing.syncedAt !== null && standing.counted !== null && standing.counted.count === null;
    if (standing.members === 0 && !isUnknownUser) throw neither(problem!, mirror);
    return null;
  }
  const inFile = countIn(snapshot, userId);
  let members = await mirror.size(userId);
  const { setTimeout: sleep } = await import("node:timers/promises");
  for (let look = 1; members < inFile && look < MOST_LOOKS && isLate(snapshot); look++) {
    await sleep(PATIENCE_MS);
    members = await mirror.size(userId);
  }
  if (members < inFile) {
    if (members > 0 && (await mirror.isPurging())) return null;
    if (standing.syncedAt === null) return UNSYNCED;
    return `Redis lists only ${members} of the file's ${inFile} tasks: the file answered; run \`ttsctl sync\``;
  }
  if (standing.syncedAt !== null && standing.counted?.version !== versionOf(snapshot.identity)) {
    await mirror.keepCounts(...countsOf(snapshot)).catch(unlessRedis);
  }
  return null;
}

export function neither({ code, message }: TtsctlError, { where }: Mirror): TtsctlError {
  return new TtsctlError(code, `${message}; Redis at ${where} cannot answer instead: it was flushed, or never synced`, {
    hint: "repair the store file or restore it from a backup, then run `ttsctl sync`",
  });
}

export function countsOf(snapshot: Snapshot): [counts: { all: number; users: Map<string, number> }, version: string] {
  const { rows } = snapshot;
  const names = new KeyTable();
  const counts: number[] = [];
  for (const row of snapshot.liveRows()) {
    const user = names.addUserOf(rows.keys, rows.key(row));
    counts[user] = (counts[user] ?? 0) + 1;
  }
  const users = new Map(counts.map((count, user) => [names.userId(user), count]));
  return [{ all: snapshot.size, users }, versionOf(snapshot.identity)];
}

function countIn(snapshot: Snapshot, userId: string | undefined): number {
  if (userId === undefined) return snapshot.size;
  let count = 0;
  for (const _ of matchingRows(snapshot, ofUser(userId))) count++;
  return count;
}

function isLate({ identity }: Snapshot): boolean {
  return identity !== null && Date.now() - Number(identity.mtimeNs / 1_000_000n) < LATELY_MS;
}

/** Pages can be read without the right to write. */
function unlessRedis(error: unknown): void {
  if (!isRedisError(error)) throw error;
}
