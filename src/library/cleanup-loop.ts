import { setTimeout as sleep } from "node:timers/promises";
import { openArtifacts } from "../artifacts/artifacts.ts";
import { isConfigured } from "../config/is-configured.ts";
import { TtsctlError } from "../errors.ts";
import { cleanupOnce } from "../operations/cleanup.ts";
import { PassRhythm } from "../operations/pass-rhythm.ts";
import { policyOf, shortestRetention } from "../operations/purge/policy.ts";
import { FileStore } from "../store/file/file-store.ts";
import type { Lock } from "../store/file/lock.ts";
import type { StoreParts } from "./parts.ts";
import { reporterTo } from "./reporter.ts";
import type { CleanupCounts, CleanupOptions } from "./types.ts";

/** What a pass came to, as `onPass` is told. */
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

  /** @throws TtsctlError CONFIG_REQUIRED, WATCHER_RUNNING, LOCK_UNAVAILABLE */
  async start(): Promise<void> {
    const { settings } = this.#parts;
    if (!isConfigured(settings, true)) {
      throw new TtsctlError("CONFIG_REQUIRED", "the cleanup removes audio and logs: say where they are", {
        hint: "give openTaskStore output and logs, or a config",
      });
    }
    if (settings.audit.path.value !== null) {
      throw new TtsctlError("CONFIG_REQUIRED", "the audit ledger is kept by commands alone", {
        hint: "run `ttsctl cleanup --watch` beside this program, or take [audit] path out",
      });
    }
    const lock = await this.#file().lock("watch");
    this.#ended = this.#run(lock);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #run(taken: Lock): Promise<void> {
    let lock = taken;
    const { clock, settings, logger } = this.#parts;
    const { signal } = this.#stop;
    const rhythm = new PassRhythm(clock);
    const retention = settings.cleanup.retention.value;
    try {
      if (retention <= 0) return logger.warn(`nothing is cleaned up: retention is ${retention}`);
      while (!signal.aborted) {
        lock = await this.#file().keepWatchLock(lock);
        const refusal = rhythm.refusal(shortestRetention(policyOf(settings.cleanup)));
        const [counts, problem] = refusal === null ? await this.#tryPass() : ([null, refusal] satisfies Pass);
        if (problem !== null) logger.warn(`cleanup: ${problem.message}`);
        this.#tell([counts, problem]);
        const pause = rhythm.pause(retention, problem !== null);
        await sleep(pause * 1000, undefined, { signal, ref: false }).catch(() => {});
      }
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error;
      logger.warn(`the cleanup ends: ${error.message}`);
      this.#tell([null, error]);
    } finally {
      await lock.release();
    }
  }

  /** Whatever goes wrong, the next pass is tried. */
  async #tryPass(): Promise<Pass> {
    try {
      return await this.#pass();
    } catch (error) {
      if (error instanceof TtsctlError) return [null, error];
      return [null, new TtsctlError("INTERNAL", `a pass failed: ${String(error)}`, { cause: error })];
    }
  }

  async #pass(): Promise<Pass> {
    const { settings, link, clock, logger, rules } = this.#parts;
    const { paths, cleanup } = settings;
    const file = this.#file();
    const lock = await file.lock("run");
    try {
      const apart = [settings.store.path.value, settings.configPath].filter((path) => path !== null);
      const roots = { output: paths.output.value, logs: paths.logs.value };
      const artifacts = await openArtifacts({ ...roots, names: rules, apart });
      try {
        const { result, problem } = await cleanupOnce(
          {
            ...{ file, artifacts, clock, mirror: await link.open(), backup: null, ledger: null },
            ...{ reporter: reporterTo(logger), signal: this.#stop.signal },
            onPurged: () => {},
            drain: async () => {},
          },
          {
            ...{ ...policyOf(cleanup), stuckAfter: cleanup.stuckAfter.value },
            ...{ dryRun: false, allowEmpty: false, maxDelete: null },
          },
        );
        return [countsOf(result), problem];
      } finally {
        await artifacts.close();
      }
    } finally {
      await lock.release();
    }
  }

  /** What the program does with it is no concern of the loop. */
  #tell(pass: Pass): void {
    try {
      this.#options.onPass?.(...pass);
    } catch (error) {
      this.#parts.logger.warn(`onPass threw: ${String(error)}`);
    }
  }

  #file(): FileStore {
    const { settings, rules, clock } = this.#parts;
    return new FileStore(settings.store.path.value, rules, clock, { signal: this.#stop.signal });
  }
}

function countsOf(result: CleanupCounts): CleanupCounts {
  const { expireBefore, candidates, purged, skipped, failed, returned, files, bytes, durationMs } = result;
  return { expireBefore, candidates, purged, skipped, failed, returned, files, bytes, durationMs };
}
