import { setTimeout as sleep } from "node:timers/promises";
import { TtsctlError } from "../errors.ts";
import { PassRhythm } from "../operations/pass-rhythm.ts";
import { policyOf, shortestRetention } from "../operations/purge/policy.ts";
import { FileStore } from "../store/file/file-store.ts";
import type { Lock } from "../store/file/lock.ts";
import { checkCleanup, cleanupPass } from "./cleanup-pass.ts";
import { libraryError } from "./library-error.ts";
import type { StoreParts } from "./parts.ts";
import type { CleanupCounts, CleanupOptions } from "./types.ts";

/** Between two looks whether another watcher has ended. */
const WAIT_MS = 5000;

/** The result of a pass, as `onPass` gets it. */
type Pass = [counts: CleanupCounts | null, problem: TtsctlError | null];

/** `ttsctl cleanup --watch` within a program: the passes of one store, until they are stopped. */
export class CleanupLoop {
  readonly #parts: StoreParts;
  readonly #options: CleanupOptions;
  readonly #stop = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  constructor(parts: StoreParts, options: CleanupOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /**
   * Resolves when the passes have begun, or wait for another watcher to end.
   * @throws TtsctlError CONFIG_REQUIRED, LOCK_UNAVAILABLE
   */
  async start(): Promise<void> {
    checkCleanup(this.#parts);
    const lock = await this.#tryLock();
    if (lock === null) this.#parts.logger.info("another process cleans up this store: waiting until it ends");
    this.#ended = this.#run(lock);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  #file(): FileStore {
    const { settings, rules, clock } = this.#parts;
    return new FileStore(settings.store.path.value, rules, clock, { signal: this.#stop.signal });
  }

  /** Null if another watcher holds the lock. */
  async #tryLock(): Promise<Lock | null> {
    return this.#file()
      .lock("watch")
      .catch((error: unknown) => {
        if (error instanceof TtsctlError && error.code === "WATCHER_RUNNING") return null;
        throw error;
      });
  }

  async #run(first: Lock | null): Promise<void> {
    const lock = first ?? (await this.#awaitLock());
    if (lock !== null) await this.#passes(lock);
  }

  /** Null if the loop was stopped first. */
  async #awaitLock(): Promise<Lock | null> {
    while (!this.#stop.signal.aborted) {
      await this.#pause(WAIT_MS);
      const lock = await this.#tryLock().catch((error: Error) => {
        if (!this.#stop.signal.aborted) this.#parts.logger.warn(`cleanup: ${error.message}`);
        return null;
      });
      if (lock !== null) return lock;
    }
    return null;
  }

  async #passes(taken: Lock): Promise<void> {
    let lock = taken;
    const { clock, settings, logger } = this.#parts;
    const rhythm = new PassRhythm(clock);
    const retention = settings.cleanup.retention.value;
    try {
      if (retention <= 0) return logger.warn(`nothing is cleaned up: retention is ${retention}`);
      while (!this.#stop.signal.aborted) {
        lock = await this.#file().keepWatchLock(lock);
        const refusal = rhythm.refusal(shortestRetention(policyOf(settings.cleanup)));
        const [counts, problem] = refusal === null ? await this.#tryPass() : ([null, refusal] satisfies Pass);
        if (problem !== null) logger.warn(`cleanup: ${problem.message}`);
        this.#tell([counts, libraryError(problem)]);
        await this.#pause(rhythm.pause(retention, problem !== null) * 1000);
      }
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error;
      logger.warn(`the cleanup ends: ${error.message}`);
      this.#tell([null, libraryError(error)]);
    } finally {
      await lock.release();
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
  }

  /** Whatever goes wrong, the next pass is tried. */
  async #tryPass(): Promise<Pass> {
    try {
      const { counts, problem } = await cleanupPass(this.#parts, { signal: this.#stop.signal, dryRun: false });
      return [counts, problem];
    } catch (error) {
      if (error instanceof TtsctlError) return [null, error];
      return [null, new TtsctlError("INTERNAL", `a pass failed: ${String(error)}`, { cause: error })];
    }
  }

  /** An error of the program doesn't end the loop. */
  #tell(pass: Pass): void {
    try {
      this.#options.onPass?.(...pass);
    } catch (error) {
      this.#parts.logger.warn(`onPass threw: ${String(error)}`);
    }
  }
}
