import type { LogFollower, LogPart } from "../artifacts/artifacts.ts";
import type { Clock } from "../clock.ts";
import { isRedisError, TtsctlError } from "../errors.ts";
import { type FileIdentity, sameIdentity } from "../store/file/identity.ts";
import { STATUS_CODES } from "../store/file/rows.ts";
import type { SourceChoice, Stores } from "../store/mirror-link.ts";
import type { TaskId } from "../task/ids.ts";
import { isTerminal } from "../task/status.ts";

/** Milliseconds between two looks for new lines. */
const POLL_MS = 200;
/** After so many polls, the task's status and the logs' names are read too. */
const POLLS_A_LOOK = 5;

/** Why following ended: the task is finished or gone, a signal came, or the output was closed. */
export type FollowEnd = "finished" | "gone" | "interrupted" | "unread";

interface FollowParts extends Stores {
  readonly clock: Clock;
  readonly logs: LogFollower;
  readonly signal: AbortSignal;
  /** Returns false if the output was closed. */
  readonly onLines: (part: LogPart) => Promise<boolean>;
  readonly onNews: (line: string) => Promise<void>;
  /** Whether it was finished before; if left out, the stores are asked. */
  readonly finished?: boolean;
}

/**
 * Hands over new lines until the task is finished, and a second longer: its status changes before the last lines are on the disk.
 * Returns the last status too; null if none was read, or the task is gone.
 */
export async function followLog(parts: FollowParts, id: TaskId, source: SourceChoice) {
  const { logs, signal, onLines } = parts;
  const state = taskState(parts, id, source);
  const { finished = (await state.look()) !== "open" } = parts;
  let over: FollowEnd | undefined = finished ? "finished" : undefined;
  for (let polls = 0; ; polls++) {
    for (let part = logs.read(); part !== undefined && !signal.aborted; part = logs.read()) {
      if (part.lines.length > 0 && !(await onLines(part))) return { end: "unread", status: state.status } as const;
    }
    if (signal.aborted) over = "interrupted";
    if (over !== undefined && (finished || signal.aborted || polls % POLLS_A_LOOK === 0)) break;
    if (polls % POLLS_A_LOOK === 0) {
      const now = await state.look();
      if (now !== "open") over = now;
      for (const line of await logs.look()) await parts.onNews(line);
    }
    await parts.clock.sleep(POLL_MS, signal);
  }
  for (const part of logs.rest()) await onLines(part);
  return { end: over, status: state.status };
}

/** Reading a store file must not take more than this part of the time. */
const LARGEST_SHARE = 1 / 20;

/** Polls whether a task is finished: in Redis, or if that fails in the file, which is read only when it has changed. */
function taskState({ clock, file, link }: FollowParts, { userId, taskId }: TaskId, source: SourceChoice) {
  let seen: FileIdentity | null | undefined;
  let inFile: string | null = null;
  let nextRead = 0;
  const state = { status: null as string | null, look };
  return state;

  async function look(): Promise<"open" | "finished" | "gone"> {
    state.status = (await fromRedis()) ?? (source === "redis" ? null : await fromFile());
    if (state.status === null) return "gone";
    return isTerminal(state.status) ? "finished" : "open";
  }

  /** A failure counts only if Redis is the forced source. */
  async function fromRedis(): Promise<string | null> {
    const redis = source === "file" ? null : await link.open();
    if (redis?.kind !== "on") return null;
    try {
      const [status] = await redis.mirror.statuses([{ userId, taskId }]);
      if (status instanceof TtsctlError) throw status;
      return status ?? null;
    } catch (error) {
      if (source === "redis" || !isRedisError(error)) throw error;
      return null;
    }
  }

  /** If the file can't be read now, its last status is used. */
  async function fromFile(): Promise<string | null> {
    const began = clock.monotonic();
    if (seen !== undefined && began < nextRead) return inFile;
    try {
      const identity = await file.identity();
      if (seen !== undefined && sameIdentity(identity, seen)) return inFile;
      await using snapshot = await file.read();
      const row = snapshot.rowOf({ userId, taskId });
      inFile = row < 0 ? null : STATUS_CODES[snapshot.rows.status(row)]!;
      seen = identity;
    } catch (error) {
      if (!(error instanceof TtsctlError) || seen === undefined) throw error;
    }
    const ended = clock.monotonic();
    nextRead = ended + (ended - began) / LARGEST_SHARE;
    return inFile;
  }
}
