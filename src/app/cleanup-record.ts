import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { isTtsctlError, valueIf } from "../errors.ts";
import { formatUtc } from "../task/time.ts";
import { watchInterval } from "./cleanup.ts";
import type { RunParts } from "./parts.ts";

/** How a cleanup pass ended. */
export interface PassEnd {
  /** Epoch seconds. */
  readonly endedAt: number;
  readonly exitCode: number;
  /** The code of the error that ended it. */
  readonly error: string | null;
  /** Tasks; null for a pass that failed before it counted them. */
  readonly purged: number | null;
}

/** Who purges, and when. */
export type CleanupState = Awaited<ReturnType<CleanupRecord["state"]>>;
export type CleanupRecord = ReturnType<typeof cleanupRecord>;

/** The state of the cleanup: by this server's own loop, or by other processes, from their lock and the audit ledger. */
export function cleanupRecord(parts: RunParts) {
  let isOurs = false;
  let last: PassEnd | null = null;
  let next: number | null = null;
  let seen = { version: "", pass: null as PassEnd | null };

  /** The last pass in the ledger, which is read only after a change. */
  async function inLedger(): Promise<PassEnd | null> {
    const { audit, store } = await parts.settings();
    const path = audit.path.value;
    if (path === null) return null;
    const stats = await stat(path).catch(() => null);
    const version = `${stats?.ino} ${stats?.size} ${stats?.mtimeMs}`;
    if (version !== seen.version) seen = { version, pass: await lastPassIn(path, store.path.value) };
    return seen.pass;
  }

  async function isWatched(): Promise<boolean> {
    const file = await parts.fileStore();
    return (await file.holderOf("watch").catch(valueIf(isTtsctlError, null))) !== null; // null also if the lock file can't be read
  }

  return {
    isInPass: () => isOurs && next === null,

    /** A pass begins, or the loop has ended. */
    setOurs(is: boolean): void {
      isOurs = is;
      next = null;
    },

    passEnded(how: Omit<PassEnd, "endedAt">): void {
      last = { endedAt: parts.clock.now(), ...how };
    },

    waits(seconds: number): void {
      next = parts.clock.now() + seconds;
    },

    /** `unknown`: neither this server nor a watcher purges; perhaps a timer. `next` is null during a pass of this server. */
    async state() {
      const { value: retention } = (await parts.settings()).cleanup.retention;
      const runs = retention <= 0 ? "off" : isOurs ? "here" : (await isWatched()) ? "watcher" : "unknown";
      const known = last !== null && isOurs ? last : ((await inLedger()) ?? last);
      const due = runs === "watcher" && known !== null ? known.endedAt + watchInterval(retention) : next;
      const ended = ({ endedAt, ...how }: PassEnd) => ({ at: formatUtc(endedAt), ...how });
      return { runs, retention, last: known && ended(known), next: due === null ? null : formatUtc(due) } as const;
    },
  };
}

/** The last line of a pass. */
interface Line extends Omit<PassEnd, "endedAt" | "purged"> {
  readonly time: string;
  readonly result: Readonly<Record<string, number>> | null;
}

/** The last cleanup pass of a store in the last 8 MiB of an audit ledger; null for none, and if it can't be read. */
async function lastPassIn(path: string, store: string): Promise<PassEnd | null> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK; // a named pipe must not block it
  // Other lines may be long, and aren't parsed; the first one and the last may be cut off.
  const isOurs = (text: string) => text.includes(`,"pass":${JSON.stringify(store)},`) && /^\{.*\}$/.test(text);
  try {
    await using file = await open(path, flags);
    const { size } = await file.stat();
    const length = Math.min(size, 8 << 20);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.toString("utf8", 0, bytesRead).split("\n");
    const { time, exitCode, error, result } = JSON.parse(lines.findLast(isOurs) ?? "") as Line;
    const endedAt = Date.parse(time) / 1000;
    return Number.isNaN(endedAt) ? null : { endedAt, exitCode, error, purged: result?.purged ?? null };
  } catch {
    return null; // it is missing or a directory, has no pass, or the disk fails
  }
}
