import { type Clock, later } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import type { SyncOptions, SyncOutcome, SyncParts } from "../operations/sync.ts";
import type { LinkEvents, MirrorState } from "../store/mirror-link.ts";
import { LEAST_STRANGE } from "../store/written-copies.ts";
import { counted } from "../task/amounts.ts";
import type { RunParts } from "./parts.ts";

/** Pushes the file to Redis, with the run lock until the parts are released. @throws TtsctlError as `sync`, LOCK_TIMEOUT */
export async function syncStore(parts: RunParts, own: Pick<SyncParts, "ledger" | "confirm">, options: SyncOptions) {
  const { sync } = await import("../operations/sync.ts");
  const file = await parts.changingFileStore(); // first, because it prints warnings that may explain a missing Redis
  const mirror = await parts.mirror();
  return sync({ ...(await parts.changeParts(own.ledger, options.dryRun, file)), mirror, ...own }, options);
}

/** The sync of a long-running process: it deletes only what is owed, and releases the parts. Throws as `syncStore`. */
export async function pushFile(parts: RunParts): Promise<SyncOutcome> {
  const options = { dryRun: false, checksum: false, prune: false, maxDelete: null, allowEmpty: false };
  try {
    return await syncStore(parts, { ledger: null, confirm: async () => {} }, options);
  } finally {
    await parts.release().catch(() => {}); // the outcome of the sync counts
  }
}

const FIRST_PAUSE_MS = 1000;

/** Repeats an attempt until it returns true (it doesn't throw), one at a time: after a second, then after pauses that double. */
export function retrying(clock: Clock, attempt: () => Promise<boolean>, longestMs: number, signal: AbortSignal) {
  let running: Promise<void> | null = null;
  let waiting = new AbortController();
  let pauseMs = FIRST_PAUSE_MS;

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
      pauseMs = FIRST_PAUSE_MS;
      waiting.abort();
      waiting = new AbortController();
      start();
    },
    running: () => running,
  };
}

/** When Redis was last synchronised; null if it can't say. */
async function markOf(state: MirrorState): Promise<string | null> {
  return state.kind === "on" ? state.mirror.syncedAt().catch(() => null) : null;
}

const UNSYNCED = "Redis isn't synchronised yet";

interface Work {
  readonly isWanted: boolean;
  readonly mayWrite: boolean;
  note(level: "info" | "warn" | "error", msg: string, fields?: { code: string }): unknown;
  describe(outcome: SyncOutcome): string;
}

export type Syncing = Awaited<ReturnType<typeof connectSyncing>>;

/** Pushes the file to Redis on start, and when Redis is back; until then Redis isn't read. Call it before the stores are used. */
export async function connectSyncing(parts: RunParts, { isWanted, mayWrite, note, describe }: Work) {
  /** Also repeats a sync that failed because another command had the lock, or the file was half written. */
  const retry = retrying(parts.clock, repair, 300_000, parts.signal);
  const reasonBehind = isWanted ? UNSYNCED : "Redis may lack changes of the file; run `ttsctl sync`";
  /** Why Redis may not be read, or null. */
  let behind: string | null = isWanted ? UNSYNCED : null;
  /** The mark of the last sync, read when Redis came back; for a server that doesn't sync. */
  let markThen: Promise<string | null> | undefined;
  /** Whether Redis has tasks and the file has lost them: then Redis must answer. */
  let isStoreLost = false;
  /** Redis-only tasks after the last sync. */
  let orphansThen: number | null = null;

  const events: LinkEvents = {
    onUp: (mirror, again) => {
      void note("info", `Redis at ${mirror.where} ${again ? "is back" : "answered the ping"}`);
      if (again) mayLack(markOf({ kind: "on", mirror }));
    },
    onDown: ({ message, code }) => void note("warn", `${message}: reads use the store file`, { code }),
  };
  const { shared, link } = await parts.liveOn({ events, forReaders });
  const { file } = await parts.stores();

  async function forReaders(state: MirrorState): Promise<MirrorState> {
    if (state.kind !== "on") return state;
    if (!isWanted && behind !== null) {
      const mark = await markOf(state);
      if (mark !== null && mark !== (await markThen)) behind = null;
    }
    return behind === null || isStoreLost ? state : { ...state, behind };
  }

  function begin(): void {
    if (mayWrite) retry.begin();
  }

  function mayLack(mark: Promise<string | null>): void {
    behind = reasonBehind;
    markThen = mark;
    begin();
  }

  /** Returns whether nothing is left to do, or a new connection has to be waited for. */
  async function repair(): Promise<boolean> {
    if (isWanted && behind !== null) await sync();
    return (!isWanted || behind === null) && drain();
  }

  async function sync(): Promise<void> {
    const step = await parts.step({ log: () => {} }); // the server has logged its own ping
    try {
      const outcome = await pushFile(step);
      void note("info", describe(outcome));
      isStoreLost = false;
      settle(outcome);
    } catch (error) {
      isStoreLost = error instanceof TtsctlError && error.code === "STORE_EMPTY";
      failed("sync failed", error);
    }
  }

  /** Makes the deletions that Redis lacks, after the checks of a sync, which does so too. */
  async function drain(): Promise<boolean> {
    try {
      const mirror = await link.open();
      if (mirror.kind !== "on" || !(await file.owed.isThere())) return true;
      const { preflight } = await import("../operations/preflight.ts");
      await using snapshot = await shared.read();
      const { clock, reporter } = parts;
      await preflight({ file, mirror, clock, reporter }, "sync", { snapshot, dryRun: false, least: LEAST_STRANGE });
      return !(await file.owed.isThere());
    } catch (error) {
      failed("Redis may have tasks that were deleted", error);
      return false;
    }
  }

  /** Additional Redis-only tasks were deleted from the file while Redis was away, so they must not be shown. */
  function settle({ total, failed, orphans }: SyncOutcome): void {
    const more = orphans - (orphansThen ?? orphans);
    if (failed > 0) behind = `${counted(failed, "task")} of the file could not be written to Redis`;
    else if (more > 0 && total > 0) {
      behind = `Redis has ${counted(more, "task")} that were deleted from the file while Redis was down; run \`ttsctl sync --prune\``;
    } else {
      behind = null;
      orphansThen = orphans;
    }
  }

  function failed(what: string, error: unknown): void {
    const { message, code } = error instanceof TtsctlError ? error : { message: String(error), code: "INTERNAL" };
    void note("error", `${what}: ${message}`, { code });
  }

  return {
    isRunning: () => retry.running() !== null,
    isStoreLost: () => isStoreLost,

    /** Deletions may be owed to Redis. */
    catchUp: begin,

    mayLack: () => mayLack(link.open().then(markOf)),

    /** The sync on start, if Redis is up. It never fails. */
    async first(): Promise<void> {
      if ((await parts.mirrorState()).kind === "on") begin();
      await retry.running();
    },

    ended: async () => retry.running(),
  };
}
