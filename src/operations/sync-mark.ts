import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { KeyTable } from "../store/key-table.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { formatUtc } from "../task/time.ts";

/** Leaves the mark that the mirror has every task of the file (`tts:ttsctl:synced`), and counts the members of the indexes. */
export type LeaveMark = (what: "sync" | "verify --repair", snapshot: Snapshot) => Promise<void>;

/** Called before a copy is read or written. What it returns leaves the mark, or throws REDIS_FAILED after a flush since then. */
export async function beginMark(mirror: Mirror, clock: Clock): Promise<LeaveMark> {
  const token = randomUUID();
  await mirror.beginSync(token);
  return async (what, snapshot) => {
    // Without counts, lists compare the index with the file.
    const isComplete = (await mirror.size(undefined)) >= snapshot.size;
    await mirror.recount(isComplete ? [undefined, ...usersIn(snapshot)] : [], true);
    if (await mirror.endSync(token, formatUtc(clock.now()))) return;
    const hint = `it was flushed or restarted; run \`ttsctl ${what}\` again`;
    throw new TtsctlError("REDIS_FAILED", `Redis at ${mirror.where} lost its data during the ${what}`, { hint });
  };
}

function* usersIn(snapshot: Snapshot): Generator<string> {
  const { keys } = snapshot.rows;
  const users = new KeyTable();
  for (const row of snapshot.liveRows()) {
    const { size } = users;
    if (users.addUserOf(keys, snapshot.rows.key(row)) === size) yield users.userId(size);
  }
}

/** The loss of Redis midway, with the progress until then. */
export function lostMidway(error: TtsctlError, command: "sync" | "verify", done: string): TtsctlError {
  const hint = error.hint ?? `run \`ttsctl ${command}\` again when Redis is back`;
  return new TtsctlError(error.code, `${error.message}; before that, ${done}`, { hint, cause: error });
}
