import { readlink, realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Clock } from "../../clock.ts";
import { systemErrorCode, TtsctlError } from "../../errors.ts";
import type { TaskId } from "../../task/ids.ts";
import type { RecordRules } from "../../task/rules.ts";
import { KeySet } from "../key-table.ts";
import type { Writable } from "../writable.ts";
import { Changes, type Edit, isEmpty, NO_EDIT, NO_PUTS, type PlanEdit } from "./changes.ts";
import { planSplices } from "./edit.ts";
import { type FileIdentity, identityAt, sameIdentity, unreadable } from "./identity.ts";
import { isLately, isMadeFrom, lastWriterOf, noteOf } from "./last-writer.ts";
import { LOCK_WAIT_S, type Lock, type LockPurpose, lockHolder, takeLock } from "./lock.ts";
import { type Owed, type OwedList, owedList } from "./owed-list.ts";
import { removeLeftover, replaceFile } from "./replace.ts";
import { INVALID, SUPERSEDED, TOMBSTONE } from "./rows.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";
import { Snapshot } from "./snapshot.ts";

/** A watcher gives up at once, apart from the moment in which `doctor` may hold the lock. */
const WATCH_LOCK_WAIT_S = 0.5;
/** How long a busy service may keep an edit from landing. */
const WRITE_WAIT_S = 60;
/** If another process wrote lately (`isLately`), a change is watched this long, and made again this often. */
export const WATCH_S = 2;
export const WATCH_POLL_MS = 25;
export const MOST_REPEATS = 10;
/** How long a run that was asked to stop still waits: what it has purged should leave the file too. */
const GRACE_S = 2;

export interface Applied {
  /** How often the file was rewritten; 0 if there was nothing to change. */
  readonly rewrites: number;
  /** The tasks whose removal, or whose new record, another process keeps undoing. */
  readonly returned: TaskId[];
  /** The tasks that weren't as they were seen, and are kept. */
  readonly changed: TaskId[];
  /** The content that the changes made of `base`, or null. While the file has it, nothing else has changed since. */
  readonly identity: FileIdentity | null;
}

export const NOT_APPLIED: Applied = { rewrites: 0, returned: [], changed: [], identity: null };

export interface FileStoreOptions {
  /** Named in the locks. */
  readonly holder?: readonly string[] | undefined;
  /** Ends waiting: for a lock, and for a change that may be undone. */
  readonly signal?: AbortSignal | undefined;
  /** Receives the holder of the lock of a run that is waited for. */
  readonly onWait?: ((holder: string) => void) | undefined;
  /** The last snapshot of this file in a long-lived process. */
  readonly shared?: SharedSnapshot | undefined;
}

/** The store file of a service (docs/contract.md, Store file). */
export class FileStore {
  /** The deletions that Redis may lack. */
  readonly owed: OwedList;
  /** Held by this run, which notes in it what takes long. */
  #runLock: Lock | undefined;

  constructor(
    readonly path: string,
    readonly rules: RecordRules,
    readonly clock: Clock,
    private readonly options: FileStoreOptions = {},
  ) {
    this.owed = owedList(() => this.target(), clock);
  }

  /** The file as it is now; close the snapshot when done. */
  async read(signal?: AbortSignal): Promise<Snapshot> {
    const { shared } = this.options;
    return shared === undefined ? Snapshot.read(this.path, this.rules, signal) : shared.read();
  }

  /** Null if the file is missing. */
  identity(): Promise<FileIdentity | null> {
    return identityAt(this.path);
  }

  /** Whether the path still names what a snapshot read. */
  async isCurrent(snapshot: Snapshot): Promise<boolean> {
    return sameIdentity(await identityAt(this.path), snapshot.identity);
  }

  async holderOf(purpose: LockPurpose): Promise<string | null> {
    return lockHolder(await this.target(), purpose);
  }

  /** One of the locks between ttsctl processes. `watch` hardly waits; `run` removes what a killed run left. */
  async lock(purpose: "run" | "watch"): Promise<Lock> {
    const target = await this.target();
    const seconds = purpose === "watch" ? WATCH_LOCK_WAIT_S : LOCK_WAIT_S;
    const { signal, holder } = this.options;
    const onWait = purpose === "watch" ? undefined : this.options.onWait; // it gives up in that moment
    const lock = await takeLock(target, purpose, { seconds, clock: this.clock, signal, onWait }, holder);
    if (purpose !== "run") return lock;
    const release = () => {
      this.#runLock = undefined;
      return lock.release();
    };
    try {
      await this.withWriteLock(target, () => removeLeftover(target));
    } catch (error) {
      await release();
      throw error;
    }
    this.#runLock = lock;
    return { ...lock, release };
  }

  /** Does work under the lock of a rewrite. @param target `target()` */
  async withWriteLock<T>(target: string, work: (lock: Lock) => Promise<T>): Promise<T> {
    const { signal, holder } = this.options;
    const take = (seconds: number, ends?: AbortSignal) =>
      takeLock(target, "write", { seconds, clock: this.clock, signal: ends }, holder);
    const lock = await take(LOCK_WAIT_S, signal).catch((error) => {
      if (!(error instanceof TtsctlError) || error.code !== "INTERRUPTED") throw error;
      return take(GRACE_S);
    });
    return work(lock).finally(() => lock.release());
  }

  /** Returns when each deletion that is in the owed list by now is in the file, or has failed. */
  async landed(): Promise<void> {
    await this.withWriteLock(await this.target(), async () => {});
  }

  /** Acquires the watcher's lock again if its file was deleted. @throws TtsctlError WATCHER_RUNNING if another has it */
  async keepWatchLock(lock: Lock): Promise<Lock> {
    try {
      if (!(await lock.isLost())) return lock;
      const next = await this.lock("watch");
      await lock.release();
      return next;
    } catch (error) {
      if (!(error instanceof TtsctlError) || error.code === "WATCHER_RUNNING") throw error;
      return lock;
    }
  }

  /**
   * Changes the file, as nothing else does: makes the changes that are due in its content, again if another process wrote
   * it first. If one wrote lately, watches for a content that undoes them (docs/contract.md, Store file).
   * @param options base: a content that is used while it is current; owes: whether Redis has the deletions yet to come
   */
  async apply(
    this: Writable<FileStore>,
    changes: Changes | PlanEdit,
    {
      base = changes instanceof Changes ? changes.base : undefined,
      owes = false,
    }: { readonly base?: Snapshot | undefined; readonly owes?: boolean } = {},
  ): Promise<Applied> {
    let changed: TaskId[] = [];
    const planned = async (current: Snapshot, note: string) => {
      changed = [];
      const isPlan = !(changes instanceof Changes);
      const edit = await (isPlan ? changes(current, note) : changes.dueIn(current, (id) => changed.push(id)));
      if (owes) await this.owed.add(owedOf(edit, current));
      return edit;
    };
    const landed = await this.#land(planned, base);
    if (landed === null) return { ...NOT_APPLIED, changed };
    await using before = landed.before;
    const identity = base !== undefined && sameIdentity(before.identity, base.identity) ? landed.identity : null;
    const applied = { ...NOT_APPLIED, rewrites: 1, changed, identity };
    if (!landed.wroteLately) return applied;
    try {
      return { ...applied, ...(await this.#keep(new Changes(before, landed.edit), landed.identity)) };
    } catch (error) {
      throw error instanceof TtsctlError ? afterRewrite(error, this.path) : error;
    }
  }

  /**
   * Removes lines that no longer count, if they outweigh the others; not soon after another program's append,
   * whose next one may go to the replaced file. A failure is only a warning. @param look a content that the file had lately
   */
  async compact(this: Writable<FileStore>, look: Snapshot, warn: (line: string) => void): Promise<void> {
    if (!isMostlyDead(look)) return;
    try {
      await using snapshot = await this.read();
      const { others } = await this.withWriteLock(await this.target(), (lock) => lastWriterOf(snapshot, lock.note));
      if (isLately(others, this.clock)) return;
      await this.apply((current) => ({ removed: new Set(), puts: NO_PUTS, dead: deadRows(current) }), {
        base: snapshot,
      });
    } catch (error) {
      warn(`${this.path} was not compacted: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Rewrites the file once, and doesn't watch it. @param done called with the changes, before the lock is released */
  async land(this: Writable<FileStore>, plan: PlanEdit, done: OnLanded, base?: Snapshot): Promise<void> {
    const landed = await this.#land(plan, base, done);
    await landed?.before.close();
  }

  /** Rewrites the file once; null if the plan has nothing to change. The caller closes `before`. */
  async #land(plan: PlanEdit, base?: Snapshot, done: OnLanded = async () => {}): Promise<Landed | null> {
    for (;;) {
      const target = await this.target();
      const landed = await this.withWriteLock(target, async (lock) => {
        const one = await this.#tryLanding(target, lock, plan, base);
        if (one !== null && one !== "elsewhere") await done(one);
        return one;
      });
      if (landed !== "elsewhere") return landed;
    }
  }

  /** "elsewhere": the path is a symbolic link that names another file by now, which has another lock. */
  async #tryLanding(target: string, lock: Lock, plan: PlanEdit, base: Snapshot | undefined) {
    await removeLeftover(target);
    const deadline = this.clock.monotonic() + WRITE_WAIT_S;
    let stopAt = Number.POSITIVE_INFINITY;
    while ((await this.target()) === target) {
      const before = base !== undefined && (await this.isCurrent(base)) ? base.share() : await this.read();
      let landed: Landed | null = null;
      try {
        const edit = await plan(before, lock.note);
        if (isEmpty(edit)) {
          if (await this.isCurrent(before)) return null;
        } else landed = await this.#replace(target, lock, before, edit);
      } finally {
        if (landed === null) await before.close();
      }
      if (landed !== null) return landed;
      if (this.options.signal?.aborted) stopAt = Math.min(stopAt, this.clock.monotonic() + GRACE_S);
      if (this.clock.monotonic() > Math.min(deadline, stopAt)) throw busy(target);
    }
    return "elsewhere";
  }

  /** Null if the file moved first. */
  async #replace(target: string, lock: Lock, before: Snapshot, edit: Edit): Promise<Landed | null> {
    const { others, since } = await lastWriterOf(before, lock.note);
    const announce = (by: FileIdentity) =>
      lock.leave(noteOf(before.identity, others, { kind: "replace", by }, since.slice(1)));
    const identity = await replaceFile(target, before, planSplices(before, edit), announce);
    if (identity === null) return null;
    await lock.leave(noteOf(identity, others, undefined, since));
    return { before, edit, identity, wroteLately: isLately(others, this.clock) };
  }

  /** Watches for a content that undoes changes, and makes those again. @param known the content with the changes */
  async #keep(landed: Changes, known: FileIdentity | null): Promise<Pick<Applied, "rewrites" | "returned">> {
    let rewrites = 1;
    let deadline = this.clock.monotonic() + WATCH_S;
    let stopAt = Number.POSITIVE_INFINITY;
    const isOver = () => rewrites > MOST_REPEATS || this.clock.monotonic() > stopAt;
    let problem: unknown = null;
    const undone = async (current: Snapshot, note: string) => {
      const edit = (await isMadeFrom(known, current, note)) ? NO_EDIT : await landed.undoneIn(current);
      const doing = `repeats its change, because the service keeps undoing it (${rewrites} of ${MOST_REPEATS} times)`;
      if (!isEmpty(edit)) await this.#runLock?.leave(doing);
      return edit;
    };
    while (this.clock.monotonic() < deadline) {
      await this.clock.sleep(WATCH_POLL_MS);
      if (this.options.signal?.aborted) stopAt = Math.min(stopAt, this.clock.monotonic() + GRACE_S / 2);
      try {
        const now = await this.identity();
        const again = sameIdentity(now, known) || isOver() ? null : await this.#land(undone);
        await again?.before.close();
        known = again?.identity ?? now;
        problem = null;
        if (again === null) continue;
        rewrites++;
        deadline = this.clock.monotonic() + WATCH_S;
      } catch (error) {
        problem = error; // the next look may succeed
      }
    }
    await this.#runLock?.leave("");
    if (problem !== null) throw problem;
    return { rewrites, returned: isOver() ? await this.#undone(landed) : [] };
  }

  /** The tasks of changes that are undone now. */
  async #undone(landed: Changes): Promise<TaskId[]> {
    await using now = await this.read();
    const { removed, puts } = await landed.undoneIn(now);
    const put = Array.from({ length: puts.size }, (_, number) => puts.id(number));
    return [...Array.from(removed, (key) => now.rows.keys.id(key)), ...put];
  }

  /** The file that the path names in the end, if it is a symbolic link. */
  target(): Promise<string> {
    return linkTarget(this.path);
  }
}

type OnLanded = (landed: Landed) => Promise<void>;

export interface Landed {
  /** The content that was edited. */
  readonly before: Snapshot;
  readonly edit: Edit;
  readonly identity: FileIdentity;
  readonly wroteLately: boolean;
}

/** The file that a path names in the end; it need not exist. */
async function linkTarget(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw unreadable(path, error);
  }
  const link = await readlink(path).catch(() => null);
  return link === null ? path : linkTarget(resolve(await realpath(dirname(path)), link));
}

/** An error while a change is watched reports that the change was made. */
function afterRewrite(error: TtsctlError, path: string): TtsctlError {
  return new TtsctlError(error.code, `${error.message}; ${path} was rewritten before that`, {
    hint: "it is unknown whether the service undid the change; fix the error and run the command again",
    cause: error,
  });
}

function busy(target: string): TtsctlError {
  const message = `${target} is rewritten too often: all attempts within ${WRITE_WAIT_S} s failed`;
  return new TtsctlError("STORE_BUSY", message, { hint: "run the command again when the service is less busy" });
}

/** The deletions of an edit. */
export function owedOf({ removed }: Edit, { rows }: Snapshot): Owed[] {
  return Array.from(removed, (key) => {
    const row = rows.liveRow(key);
    return { id: rows.keys.id(key), before: row < 0 ? Number.NaN : rows.score(row) };
  });
}

const LEAST_DEAD = 100;

function isMostlyDead(snapshot: Snapshot): boolean {
  const { rows, invalid } = snapshot;
  const outweigh = (dead: number) => dead >= LEAST_DEAD && dead > rows.live;
  // The first count is quick; the second one leaves out the lines that must be kept.
  return outweigh(rows.size - rows.live - invalid.count) && outweigh(deadRows(snapshot).size);
}

/** Lines that a later one replaced, and those of deleted tasks. A task with an invalid line keeps all of its lines. */
function deadRows({ rows, shape }: Snapshot): KeySet {
  const dead = new KeySet(rows.size);
  if (shape !== "jsonl") return dead;
  const unclear = new Set<number>();
  for (let row = 0; row < rows.size; row++) if (rows.state(row) === INVALID) unclear.add(rows.key(row));
  for (let row = 0; row < rows.size; row++) {
    const state = rows.state(row);
    if ((state === SUPERSEDED || state === TOMBSTONE) && !unclear.has(rows.key(row))) dead.add(row);
  }
  return dead;
}
