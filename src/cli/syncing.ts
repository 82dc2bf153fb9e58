import { TtsctlError } from "../errors.ts";
import { pushFile, Retry } from "../parts/sync-store.ts";
import type { LinkEvents, MirrorState } from "../store/mirror-link.ts";
import { MirrorWriter } from "../store/mirror-writer.ts";
import { OwedCopies } from "../store/owed-copies.ts";
import type { Removal } from "../store/redis/write.ts";
import { counted } from "../task/amounts.ts";
import { describeSync } from "./commands/sync.ts";
import type { Context } from "./context.ts";

const LONGEST_RETRY_MS = 300_000;
const UNSYNCED = "Redis isn't synchronised yet";

/**
 * Pushes the store file to Redis on start, and again when a Redis that was down is back: what it missed is in the file. Until
 * that is done, Redis isn't read.
 */
export class Syncing {
  readonly #context: Context;
  readonly #isWanted: boolean;
  /** Also repeats a sync that failed because another command had the lock, or the file was half written. */
  readonly #retry: Retry;
  /** Why Redis may not be read; null if it may. */
  #behind: string | null;
  /** The mark of the last sync when Redis came back, for a server that doesn't sync. */
  #markThen: Promise<string | null> | undefined;
  /** How many tasks only Redis had after the last sync; null before it. */
  #orphans: number | null = null;
  /** Tasks that were deleted from the file, but not from Redis. */
  readonly #owed = new OwedCopies((line) => this.#say("warn", line));
  #writer: MirrorWriter | undefined;

  constructor(context: Context, isWanted: boolean) {
    this.#context = context;
    this.#isWanted = isWanted;
    this.#behind = isWanted ? UNSYNCED : null;
    this.#retry = new Retry(() => this.#sync(), LONGEST_RETRY_MS, context.signal);
  }

  /** To be called before any of the stores is used. */
  async connect(): Promise<void> {
    const live = { events: this.#linkEvents, forReaders: (state: MirrorState) => this.#forReaders(state) };
    const { shared, link } = await this.#context.liveOn(live);
    const warn = (line: string) => this.#say("warn", line);
    const ofOwed = { owed: this.#owed, isBusy: () => false, onMirrorFailure: () => {}, warn };
    const writer = new MirrorWriter({ shared, link, ...ofOwed });
    this.#context.onRelease(() => writer.close());
    this.#writer = writer;
  }

  get isRunning(): boolean {
    return this.#retry.running !== null;
  }

  readonly #linkEvents: LinkEvents = {
    onUp: (mirror, again) => {
      this.#say("info", again ? `Redis at ${mirror.where} is back` : `Redis at ${mirror.where} answered the ping`);
      if (!again) return;
      this.#behind = this.#isWanted ? UNSYNCED : "Redis was away and may lack changes of the file; run `ttsctl sync`";
      this.#markThen = mirror.syncedAt(undefined).catch(() => null);
      this.#begin();
    },
    onDown: ({ message, code }) => this.#say("warn", `${message}: the store file answers`, code),
  };

  /** The state of the mirror with the reason why it may not be read. */
  async #forReaders(state: MirrorState): Promise<MirrorState> {
    if (state.kind !== "on") return state;
    if (!this.#isWanted && this.#behind !== null) {
      const mark = await state.mirror.syncedAt(undefined).catch(() => null);
      if (mark !== null && mark !== (await this.#markThen)) this.#behind = null;
    }
    const behind = this.#behind ?? this.#owed.problem;
    if (behind === null) return state;
    await state.mirror.detect().catch(() => {}); // the file's lists have the order of those in Redis
    return { ...state, behind };
  }

  /** A task was deleted from the file, but not from Redis. */
  left({ id, before }: Removal, error: TtsctlError): void {
    this.#owed.note({ change: { kind: "remove", id }, before }, error);
    this.#catchUp();
  }

  /** The sync on start, if Redis is there; never fails. */
  async first(): Promise<void> {
    const state = await this.#context.mirrorState();
    if (state.kind === "on") this.#begin();
    await this.ended();
  }

  /** Waits for a sync under way. */
  async ended(): Promise<void> {
    await this.#retry.running;
  }

  #begin(): void {
    if (this.#isWanted) this.#retry.begin();
    else this.#catchUp();
  }

  #catchUp(): void {
    void this.#writer!.catchUp().catch((error) => this.#failed(error));
  }

  /** Returns whether Redis may be read now. */
  async #sync(): Promise<boolean> {
    const fork = this.#context.fork(await this.#context.settings());
    try {
      const outcome = await pushFile(fork, this.#writer!, this.#owed);
      this.#say("info", describeSync(outcome, undefined).trimEnd().replaceAll("\n", "; "));
      this.#settle(outcome);
    } catch (error) {
      this.#failed(error);
    }
    return (this.#behind ?? this.#owed.problem) === null;
  }

  /** More tasks that only Redis has than before were deleted from the file while Redis was away: to show them would be wrong. */
  #settle({ total, failed, orphans }: { total: number; failed: number; orphans: number }): void {
    const more = orphans - (this.#orphans ?? orphans);
    if (failed > 0) this.#behind = `Redis did not take ${counted(failed, "task")} of the file`;
    else if (more > 0 && total > 0) {
      this.#behind = `Redis has ${counted(more, "task")} that the file lost while it was away; run \`ttsctl sync --prune\``;
    } else {
      this.#behind = null;
      this.#orphans = orphans;
    }
  }

  #failed(error: unknown): void {
    const known = error instanceof TtsctlError;
    this.#say("error", `sync failed: ${known ? error.message : String(error)}`, known ? error.code : "INTERNAL");
  }

  #say(level: "info" | "warn" | "error", msg: string, code?: string): void {
    void this.#context.note(level, msg, code === undefined ? {} : { code });
  }
}
