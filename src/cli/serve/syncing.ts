import { TtsctlError } from "../../errors.ts";
import type { LinkEvents } from "../../store/lasting-link.ts";
import type { Context } from "../context.ts";
import { describeSync, syncStore } from "../sync-store.ts";

/** A sync that failed is tried again, whatever kept it: another command that had the lock, a file that was half written. */
const RETRY_MS = 300_000;

const OPTIONS = { dryRun: false, checksum: false, prune: false, maxDelete: null, allowEmpty: false };

/** Pushes the store file to Redis on start, and again when a Redis that was down is back: what it missed is in the file. */
export class Syncing {
  readonly #context: Context;
  readonly #isWanted: boolean;
  #running: Promise<void> | undefined;

  constructor(context: Context, isWanted: boolean) {
    this.#context = context;
    this.#isWanted = isWanted;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** What to do with news of the connection. */
  readonly linkEvents: LinkEvents = {
    onUp: ({ where }, again) => {
      this.#say("info", again ? `Redis at ${where} is back` : `Redis at ${where} answered the ping`);
      if (again) this.#begin();
    },
    onDown: ({ message, code }) => this.#say("warn", `${message}: the store file answers`, code),
  };

  /** The sync on start, if Redis is there; never fails. */
  async first(): Promise<void> {
    const state = await (await this.#context.mirrorLink()).open();
    if (state.kind === "on") this.#begin();
    await this.#running;
  }

  /** Waits for a sync under way. */
  async ended(): Promise<void> {
    await this.#running;
  }

  #begin(): void {
    if (!this.#isWanted || this.#context.signal.aborted) return;
    this.#running ??= this.#sync().finally(() => {
      this.#running = undefined;
    });
  }

  async #sync(): Promise<void> {
    const fork = this.#context.fork(await this.#context.settings());
    try {
      const outcome = await syncStore(fork, { ledger: null, confirm: async () => {} }, OPTIONS);
      this.#say("info", describeSync(outcome, undefined).trimEnd().replaceAll("\n", "; "));
    } catch (error) {
      const known = error instanceof TtsctlError;
      setTimeout(() => this.#begin(), RETRY_MS).unref();
      this.#say("error", `sync failed: ${known ? error.message : String(error)}`, known ? error.code : "INTERNAL");
    } finally {
      await fork.release().catch(() => {});
    }
  }

  #say(level: "info" | "warn" | "error", msg: string, code?: string): void {
    const fields = code === undefined ? {} : { code };
    void this.#context.terminal.err.sayWhen({ level, msg, fields });
  }
}
