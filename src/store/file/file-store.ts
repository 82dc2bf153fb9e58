import { readlink, realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../clock.ts";
import { systemErrorCode, TtsctlError } from "../../errors.ts";
import type { RecordRules } from "../../task/rules.ts";
import type { TaskId } from "../task-source.ts";
import { DisplacedUpdates } from "./displaced.ts";
import { type Edit, planSplices } from "./edit.ts";
import { type FileIdentity, sameIdentity } from "./identity.ts";
import { isLately, noteOf, othersWroteAt } from "./last-writer.ts";
import { LOCK_WAIT_S, type Lock, type LockPurpose, lockHolder, takeLock, withLock } from "./lock.ts";
import { identityAt, removeLeftover, replaceFile } from "./replace.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";
import { Snapshot, unreadable } from "./snapshot.ts";
import { NO_UPSERTS } from "./upserts.ts";

/** A watcher gives up at once, but for the moment in which `doctor` may look at the lock. */
const WATCH_LOCK_WAIT_S = 0.5;
/** How long a busy service may keep us from writing. */
const WRITE_WAIT_S = 60;
/** Beside a service that wrote lately, a rewrite is watched this long, and done again this often (SPEC section 2). */
export const WATCH_S = 2;
export const WATCH_POLL_MS = 25;
const MOST_REPEATS = 10;

/**
 * Decides on one content of the file; asked again on the new content whenever somebody else wrote in between.
 * @param landed whether the change was in the file already, so that what is to do again was undone
 */
export type PlanEdit = (current: Snapshot, landed?: boolean) => Edit | Promise<Edit>;

export interface EditOutcome {
  /** How often the file was rewritten; 0 where there was nothing to change. */
  readonly rewrites: number;
  /** The tasks whose removal, or whose new record, somebody keeps undoing. */
  readonly returned: TaskId[];
}

/** The store file of a service (SPEC section 2). */
export class FileStore {
  readonly #path: string;
  readonly rules: RecordRules;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #shared: SharedSnapshot | undefined;
  /** Held by this run, to say in it what takes long. */
  #runLock: Lock | undefined;

  /**
   * @param signal ends waiting: for a lock, and for a change that may be undone
   * @param shared where a process that lives on keeps what it read last of this file
   */
  constructor(path: string, rules: RecordRules, clock: Clock, signal?: AbortSignal, shared?: SharedSnapshot) {
    this.#path = path;
    this.rules = rules;
    this.#clock = clock;
    this.#signal = signal;
    this.#shared = shared;
  }

  get path(): string {
    return this.#path;
  }

  /**
   * The file as it is now; close the snapshot when done.
   * @param signal ends the reading, where nothing was done yet
   */
  async read(signal?: AbortSignal): Promise<Snapshot> {
    return this.#shared === undefined ? Snapshot.read(this.#path, this.rules, signal) : this.#shared.read();
  }

  /** What the path names now; null where there is nothing. */
  identity(): Promise<FileIdentity | null> {
    return identityAt(this.#path);
  }

  /** Whether the path still names what a snapshot read. */
  async isCurrent(snapshot: Snapshot): Promise<boolean> {
    return sameIdentity(await identityAt(this.#path), snapshot.identity);
  }

  /** Who holds a lock; null where nobody does. */
  async holderOf(purpose: LockPurpose): Promise<string | null> {
    return lockHolder(await this.target(), purpose);
  }

  /** One of the locks between ttsctl processes. `watch` hardly waits; `run` removes what a killed run left. */
  async lock(purpose: "run" | "watch"): Promise<Lock> {
    const target = await this.target();
    const lock = await takeLock(target, purpose, purpose === "watch" ? WATCH_LOCK_WAIT_S : LOCK_WAIT_S, this.#signal);
    try {
      if (purpose !== "run") return lock;
      await withLock(target, "write", LOCK_WAIT_S, () => removeLeftover(target));
      this.#runLock = lock;
      return { ...lock, release: () => this.#releaseRun(lock) };
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async #releaseRun(lock: Lock): Promise<void> {
    this.#runLock = undefined;
    await lock.release();
  }

  /**
   * Changes the file: plans on its content, rewrites it atomically, and plans again if somebody else wrote meanwhile.
   * Where the service wrote lately it then watches for a change that was undone, and makes it again.
   * @param base a snapshot to plan on while it is current; the caller closes it
   */
  async edit(plan: PlanEdit, base?: Snapshot): Promise<EditOutcome> {
    const target = await this.target();
    const job = { target, plan, displaced: new DisplacedUpdates(this.rules), landed: false };
    const first = await this.#rewrite(job, base);
    const quiet = (!first.changed || !first.wroteLately) && job.displaced.count === 0;
    if (quiet) return { rewrites: first.changed ? 1 : 0, returned: [] };
    try {
      return await this.#watch({ ...job, landed: first.changed }, first);
    } catch (error) {
      throw first.changed && error instanceof TtsctlError ? afterRewrite(error, target) : error;
    }
  }

  async #rewrite(job: Job, base: Snapshot | undefined): Promise<Rewrite> {
    const { target } = job;
    return withLock(target, "write", LOCK_WAIT_S, async (lock) => {
      await removeLeftover(target);
      const deadline = this.#clock.monotonic() + WRITE_WAIT_S;
      let snapshot = base;
      for (;;) {
        snapshot = await this.#current(snapshot, base);
        try {
          const done = await this.#tryRewrite(job, snapshot, lock);
          if (done !== undefined) return done;
        } finally {
          if (snapshot !== base) await snapshot.close();
        }
        if (this.#clock.monotonic() > deadline) throw busy(target);
      }
    });
  }

  async #current(snapshot: Snapshot | undefined, base: Snapshot | undefined): Promise<Snapshot> {
    return snapshot !== undefined && snapshot === base && (await this.isCurrent(base)) ? base : this.read();
  }

  /** Undefined where the file moved. */
  async #tryRewrite(job: Job, snapshot: Snapshot, lock: Lock): Promise<Rewrite | undefined> {
    const { target, plan, displaced, landed } = job;
    const edit = await displaced.restoreIn(snapshot, await plan(snapshot, landed));
    if (edit.removed.size === 0 && edit.upserts.size === 0 && (edit.dead?.size ?? 0) === 0) {
      return (await this.isCurrent(snapshot)) ? { changed: false, wroteLately: false, identity: null } : undefined;
    }
    const others = othersWroteAt(snapshot.identity, lock.note);
    const replacement = await replaceFile(target, snapshot, planSplices(snapshot, edit));
    await displaced.add(replacement.displaced, snapshot);
    const { identity } = replacement;
    if (identity === null) return undefined;
    await lock.leave(noteOf(identity, others));
    return { changed: true, wroteLately: isLately(others, this.#clock), identity };
  }

  /**
   * Looks for our change being undone by a service that had read the file before it, or holds it in memory, and for
   * updates of the service that our exchanges displaced. The latter are put in again however often it takes.
   */
  async #watch(job: Job, first: Rewrite): Promise<EditOutcome> {
    let rewrites = first.changed ? 1 : 0;
    let last = first.identity;
    let displaced = job.displaced.count;
    let deadline = this.#clock.monotonic() + WATCH_S;
    while (this.#clock.monotonic() < deadline && !(this.#signal?.aborted && displaced === 0)) {
      await sleep(WATCH_POLL_MS);
      const now = await identityAt(this.#path);
      if (sameIdentity(now, last)) continue;
      await this.#runLock?.leave(
        `makes its change again, which the service keeps undoing (${rewrites} of ${MOST_REPEATS} times)`,
      );
      const again = await this.#rewrite(rewrites > MOST_REPEATS ? { ...job, plan: NOTHING } : job, undefined);
      last = again.identity ?? now;
      if (again.changed) rewrites++;
      if (again.changed || job.displaced.count > displaced) deadline = this.#clock.monotonic() + WATCH_S;
      displaced = job.displaced.count;
    }
    await this.#runLock?.leave("");
    return { rewrites, returned: rewrites > MOST_REPEATS ? await this.#stillThere(job.plan) : [] };
  }

  async #stillThere(plan: PlanEdit): Promise<EditOutcome["returned"]> {
    const snapshot = await this.read();
    try {
      const { removed, upserts } = await plan(snapshot, true);
      const { keys } = snapshot.rows;
      const back = [...removed].map((key) => ({ userId: keys.userId(key), taskId: keys.taskId(key) }));
      for (let number = 0; number < upserts.size; number++) {
        const { userId, taskId } = upserts.id(number);
        back.push({ userId, taskId });
      }
      return back;
    } finally {
      await snapshot.close();
    }
  }

  /** The file itself where the path is a symbolic link to it. */
  async target(): Promise<string> {
    return linkTarget(this.#path);
  }
}

/** The plan once a removal was undone too often: no more than putting displaced updates in again. */
const NOTHING: PlanEdit = () => ({ removed: new Set(), upserts: NO_UPSERTS });

/** What a path names in the end; the file need not be there. */
async function linkTarget(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw unreadable(path, error);
  }
  const link = await readlink(path).catch(() => null);
  return link === null ? path : linkTarget(resolve(await realpath(dirname(path)), link));
}

/** One edit under way. */
interface Job {
  readonly target: string;
  readonly plan: PlanEdit;
  readonly displaced: DisplacedUpdates;
  readonly landed: boolean;
}

interface Rewrite {
  readonly changed: boolean;
  readonly wroteLately: boolean;
  readonly identity: FileIdentity | null;
}

/** What fails while a change is watched says that the change was made. */
function afterRewrite(error: TtsctlError, target: string): TtsctlError {
  return new TtsctlError(error.code, `${error.message}; ${target} was rewritten before that`, {
    hint: "whether the service undid the change is unknown; once that is mended, run it again",
    cause: error,
  });
}

function busy(target: string): TtsctlError {
  return new TtsctlError("STORE_BUSY", `${target} is rewritten too often: no change got in within ${WRITE_WAIT_S} s`, {
    hint: "run the command again when the service is less busy",
  });
}
