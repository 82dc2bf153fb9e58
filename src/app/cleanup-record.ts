import { stat } from "node:fs/promises";
import { TtsctlError } from "../errors.ts";
import { formatUtc } from "../task/time.ts";
import { watchInterval } from "./cleanup.ts";
import { lastPassIn, type PassEnd } from "./last-pass.ts";
import type { RunParts } from "./parts.ts";

/** Who purges, and when. */
export interface CleanupState {
  /** `unknown`: neither this server nor a watcher does; perhaps a timer. `off`: the retention isn't positive. */
  readonly runs: "here" | "watcher" | "unknown" | "off";
  /** Seconds. */
  readonly retention: number;
  /** Null if unknown; `at` is ISO 8601, UTC. */
  readonly last: ({ readonly at: string } & Omit<PassEnd, "endedAt">) | null;
  /** ISO 8601, UTC; null if unknown, and during a pass of this server. */
  readonly next: string | null;
}

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
    try {
      return (await (await parts.fileStore()).holderOf("watch")) !== null;
    } catch (error) {
      if (error instanceof TtsctlError) return false; // the lock file can't be read
      throw error;
    }
  }

  return {
    isLoop: () => isOurs,

    isInPass: () => isOurs && next === null,

    passBegins(): void {
      isOurs = true;
      next = null;
    },

    passEnded(how: Omit<PassEnd, "endedAt">): void {
      last = { endedAt: parts.clock.now(), ...how };
    },

    waits(seconds: number): void {
      next = parts.clock.now() + seconds;
    },

    loopEnded(): void {
      isOurs = false;
      next = null;
    },

    async state(): Promise<CleanupState> {
      const { retention } = (await parts.settings()).cleanup;
      const runs = retention.value <= 0 ? "off" : isOurs ? "here" : (await isWatched()) ? "watcher" : "unknown";
      const known = last !== null && isOurs ? last : ((await inLedger()) ?? last);
      const due = runs === "watcher" && known !== null ? known.endedAt + watchInterval(retention.value) : next;
      const { endedAt, ...how } = known ?? {};
      return {
        runs,
        retention: retention.value,
        last: endedAt === undefined ? null : { at: formatUtc(endedAt), ...(how as Omit<PassEnd, "endedAt">) },
        next: due === null ? null : formatUtc(due),
      };
    },
  };
}
