import { later } from "../clock.ts";
import { isTtsctlError, ours } from "../errors.ts";
import { checkLayout, checkTimezone, storeMismatch, storeRefusal } from "../operations/safety.ts";
import type { SyncOptions, SyncOutcome, SyncParts } from "../operations/sync.ts";
import type { MirrorLink, MirrorState } from "../store/mirror-link.ts";
import { type MirrorWriterParts, mirrorWriter } from "../store/mirror-writer.ts";
import { LEAST_STRANGE, type Mirror } from "../store/redis/mirror.ts";
import { type Writable, writable } from "../store/writable.ts";
import { counted } from "../task/amounts.ts";
import type { TaskId } from "../task/ids.ts";
import type { RunParts } from "./parts.ts";

/** Pushes the file to Redis, with the run lock until the parts are released. @throws TtsctlError as `sync`, LOCK_TIMEOUT */
export async function syncStore(parts: RunParts, own: Pick<SyncParts, "ledger" | "confirm">, options: SyncOptions) {
  const { sync } = await import("../operations/sync.ts");
  const file = await parts.changingFileStore(); // first, because it prints warnings that may explain a missing Redis
  const mirror = await parts.mirror();
  return sync({ ...(await parts.changeParts(own.ledger, options.dryRun, file)), mirror, ...own }, options);
}

interface Keeping extends Pick<MirrorWriterParts, "file" | "warn"> {
  /** The parts of a sync. */
  step(signal: AbortSignal): Promise<RunParts>;
  /** Called after each sync, before Redis is read. */
  onSync?(outcome: SyncOutcome): unknown;
  onFailure(error: unknown): void;
  /** As for `storeMismatch`. With it, only the first connection is checked: later the file may have lost all that Redis has. */
  isOurs?(id: TaskId): boolean;
}

/** Between two attempts to write what Redis refused, as a cluster without a slot does. */
const RETRY_MS = 1000;
/** Between two syncs, or checks that refuse Redis, that fail; the pauses double. Seconds. */
const [FIRST_PAUSE_S, LONGEST_PAUSE_S] = [1, 300];

/** Writes to Redis what it missed, for a long-running process: what the writer knows or, if Redis may lack more, the whole file. */
export function keepMirrored({ clock }: RunParts, link: MirrorLink, keeping: Keeping) {
  const { file, isOurs } = keeping;
  const stop = new AbortController();
  const syncs = new Set<Promise<unknown>>();
  let running: Promise<void> | null = null;
  let isPausing = false;
  /** When the next sync is due, as the clock's `monotonic()` counts. */
  let dueAt = 0;
  let pauseS = FIRST_PAUSE_S;
  let checked: Mirror | null = null;
  const writer = mirrorWriter({ ...keeping, open, onBehind: startLater });

  /** Checks that a mirror belongs to this store, and is read as the service writes it. @throws STORE_*, *_MISMATCH, REDIS_* */
  async function check(mirror: Mirror): Promise<void> {
    if (checked === mirror || (checked !== null && isOurs !== undefined)) return;
    await using snapshot = await file.read();
    await checkLayout(mirror);
    await checkTimezone(mirror);
    const refusal = await (isOurs
      ? storeMismatch(snapshot, mirror, isOurs)
      : storeRefusal(mirror, { snapshot, least: LEAST_STRANGE }));
    if (refusal !== null) throw refusal;
    checked = mirror;
  }

  async function open(): Promise<MirrorState<Writable<Mirror>>> {
    const state = await link.open();
    if (state.kind !== "on") return state;
    const error = await check(state.mirror).then(() => null, ours);
    return error === null ? { kind: "on", mirror: writable(state.mirror) } : { kind: "down", error };
  }

  /** `ttsctl sync`, which deletes only what is owed. @throws as `syncStore` */
  function sync(signal = stop.signal): Promise<SyncOutcome> {
    const options = { dryRun: false, checksum: false, prune: false, maxDelete: null, allowEmpty: false };
    const done = writer.aroundSync(async () => {
      const step = await keeping.step(AbortSignal.any([signal, stop.signal]));
      const synced = syncStore(step, { ledger: null, confirm: async () => {} }, options);
      const outcome = await synced.finally(() => step.release().catch(() => {})); // the outcome of the sync counts
      await keeping.onSync?.(outcome); // Redis is read right after it
      return outcome;
    });
    syncs.add(done);
    return done.finally(() => syncs.delete(done));
  }

  /** Also repeats a sync that failed for a lock. A new connection begins it again. */
  async function repair(): Promise<void> {
    const isDue = clock.monotonic() >= dueAt;
    try {
      const state = await link.open();
      if (state.kind !== "on" || (!writer.needsSync && (await writer.isCaughtUp()))) return;
      if (isDue) await check(state.mirror);
      await writer.catchUp();
      if (isDue && writer.needsSync) await sync();
      if (!writer.needsSync && (await writer.isCaughtUp())) return;
    } catch (error) {
      if (!stop.signal.aborted) keeping.onFailure(error);
    }
    if (isDue) {
      dueAt = clock.monotonic() + pauseS;
      pauseS = Math.min(2 * pauseS, LONGEST_PAUSE_S);
    }
    startLater();
  }

  function start(): void {
    if (stop.signal.aborted) return;
    running ??= repair().finally(() => {
      running = null;
    });
  }

  function startLater(): void {
    if (isPausing) return;
    isPausing = true;
    void later(clock, RETRY_MS, stop.signal, () => {
      isPausing = false;
      start();
    });
  }

  return {
    writer,
    check,
    sync,

    /** Repairs now, unless that is under way. Returns when it has ended, and never fails. */
    async begin(): Promise<void> {
      [dueAt, pauseS] = [0, FIRST_PAUSE_S];
      start();
      await running;
    },
    isRunning: () => running !== null,

    /** The writer can still be used, but for what Redis refuses. */
    async close(): Promise<void> {
      stop.abort();
      await running;
      await Promise.allSettled(syncs);
      await writer.ended();
    },
  };
}

interface Work {
  readonly isWanted: boolean;
  readonly mayWrite: boolean;
  note(level: "info" | "warn" | "error", msg: string, fields?: { code: string }): unknown;
  describe(outcome: SyncOutcome): string;
}

export type Syncing = Awaited<ReturnType<typeof connectSyncing>>;

/** Pushes the file to Redis on start, and when Redis is back; until then Redis isn't read. Call it before the stores are used. */
export async function connectSyncing(parts: RunParts, { isWanted, mayWrite, note, describe }: Work) {
  /** When Redis was last synchronised; null if it can't say. */
  const markOf = (mirror: Mirror) => mirror.syncedAt().catch(() => null);
  /** Why Redis may not be read, if the writer doesn't know. */
  let behind: string | null = null;
  /** The mark of the last sync, read when Redis came back; for a server that doesn't sync. */
  let markThen: Promise<string | null> | undefined;
  /** Whether Redis has tasks and the file has lost them: then Redis must answer. */
  let isStoreLost = false;
  /** Redis-only tasks after the last sync. */
  let orphansThen: number | null = null;

  const { link } = await parts.liveOn({
    events: {
      onUp: ({ where }, again) => {
        void note("info", `Redis at ${where} ${again ? "is back" : "answered the ping"}`);
        if (again) mayLack();
      },
      onDown: ({ message, code }) => void note("warn", `${message}: reads use the store file`, { code }),
    },
    behindFor,
  });
  const keeper = keepMirrored(parts, link, {
    file: await parts.fileStore(),
    warn: (line) => void note("warn", line),
    step: (signal) => parts.step({ log: () => {}, signal: () => signal }), // the server has logged its own ping
    onSync,
    onFailure(error) {
      const { message, code } = isTtsctlError(error) ? error : { message: String(error), code: "INTERNAL" };
      isStoreLost = code === "STORE_EMPTY";
      const what = writer.needsSync ? "sync failed" : "Redis may have tasks that were deleted";
      void note("error", `${what}: ${message}`, { code });
    },
  });
  const { writer } = keeper;
  if (isWanted) writer.leaveToSync();
  /** The sync on start, and what is left to do after a failure. */
  const begin = mayWrite ? keeper.begin : async () => {};

  async function behindFor(mirror: Mirror): Promise<string | null> {
    if (!isWanted && behind !== null) {
      const mark = await markOf(mirror);
      if (mark !== null && mark !== (await markThen)) behind = null;
    }
    return isStoreLost ? null : (behind ?? writer.problem);
  }

  function mayLack(): void {
    if (isWanted) writer.leaveToSync();
    else {
      behind = "Redis may lack changes of the file; run `ttsctl sync`";
      markThen = link.open().then((state) => (state.kind === "on" ? markOf(state.mirror) : null));
    }
    void begin();
  }

  /** Additional Redis-only tasks were deleted from the file while Redis was away, so they must not be shown. */
  function onSync(outcome: SyncOutcome): void {
    void note("info", describe(outcome));
    isStoreLost = false;
    const { total, failed, orphans } = outcome;
    const more = orphans - (orphansThen ?? orphans);
    behind = null;
    if (failed > 0) behind = `${counted(failed, "task")} of the file could not be written to Redis`;
    else if (more > 0 && total > 0) {
      behind = `Redis has ${counted(more, "task")} that were deleted from the file while Redis was down; run \`ttsctl sync --prune\``;
      writer.leaveToSync();
    } else orphansThen = orphans;
  }

  return { begin, mayLack, isRunning: keeper.isRunning, isStoreLost: () => isStoreLost, close: keeper.close };
}
