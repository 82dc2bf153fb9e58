import { stat } from "node:fs/promises";
import { TtsctlError } from "../errors.ts";
import type { CleanupState } from "../http/parts.ts";
import { watchInterval } from "../parts/cleanup.ts";
import { lastPassIn, type PassEnd } from "../parts/last-pass.ts";
import { formatUtc } from "../task/time.ts";
import type { Ended } from "./commands/cleanup.ts";
import type { Context } from "./context.ts";

export type CleanupRecord = ReturnType<typeof cleanupRecord>;

/** The state of the cleanup: by this server's own loop, or by other processes, from their lock and the audit ledger. */
export function cleanupRecord(context: Context) {
  let isOurs = false;
  let last: PassEnd | null = null;
  let next: number | null = null;
  let seen = { version: "", pass: null as PassEnd | null };

  /** The last pass in the ledger, which is read only after a change. */
  async function inLedger(): Promise<PassEnd | null> {
    const { audit, store } = await context.settings();
    const path = audit.path.value;
    if (path === null) return null;
    const stats = await stat(path).catch(() => null);
    const version = `${stats?.ino} ${stats?.size} ${stats?.mtimeMs}`;
    if (version !== seen.version) seen = { version, pass: await lastPassIn(path, store.path.value) };
    return seen.pass;
  }

  async function isWatched(): Promise<boolean> {
    try {
      return (await (await context.fileStore()).holderOf("watch")) !== null;
    } catch (error) {
      if (error instanceof TtsctlError) return false; // the lock file can't be read
      throw error;
    }
  }

  return {
    isLoop: () => isOurs,

    passBegins(): void {
      isOurs = true;
      next = null;
    },

    passEnded({ exitCode, error, outcome }: Ended): void {
      last = { endedAt: context.clock.now(), exitCode, error, purged: outcome?.result.purged ?? null };
    },

    waits(seconds: number): void {
      next = context.clock.now() + seconds;
    },

    loopEnded(): void {
      isOurs = false;
      next = null;
    },

    async state(): Promise<CleanupState> {
      const { retention } = (await context.settings()).cleanup;
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
