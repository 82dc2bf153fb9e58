import { pool } from "../../pool.ts";
import { batches } from "../../store/batches.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { TaskId } from "../../store/task-source.ts";
import { NamedWarnings, type Orphan } from "../reporter.ts";
import type { Orphans } from "./find-orphans.ts";
import type { Owners } from "./owners.ts";
import type { OrphanParts, OrphanResult } from "./types.ts";

/** How many folders or logs are removed at once. */
const WIDTH = 16;

/**
 * Removes orphans in bounded batches. Before each batch of folders both stores are asked for records once more, so that a
 * task that the service creates meanwhile keeps its folder; before the logs both are read whole once more. A folder is
 * moved away, looked at, and put back if anything in it is new, as in a purge.
 */
export class OrphanRemoval {
  readonly #parts: OrphanParts;
  readonly #owners: Owners;
  readonly #orphans: Orphans;
  /** Epoch seconds. */
  readonly #olderThan: number;
  readonly #result: OrphanResult;
  readonly #skips: NamedWarnings;
  /** Not reported yet. */
  #removed: Orphan[] = [];

  constructor(parts: OrphanParts, owners: Owners, orphans: Orphans, olderThan: number, result: OrphanResult) {
    this.#parts = parts;
    this.#owners = owners;
    this.#orphans = orphans;
    this.#olderThan = olderThan;
    this.#result = result;
    this.#skips = new NamedWarnings(parts.reporter, "keeps its folder");
  }

  async run(): Promise<void> {
    try {
      await this.#removeAll();
    } finally {
      await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    const removed = this.#removed;
    this.#removed = [];
    await this.#parts.reporter.done("orphan", removed, false);
  }

  async #removeAll(): Promise<void> {
    for (const ids of batches(this.#orphans.folders.ids(), BATCH)) {
      if (this.#parts.signal.aborted) return;
      await this.#removeFolders(ids);
      await this.#flush();
    }
    this.#skips.end();
    if (this.#orphans.logs.size > 0 && !this.#parts.signal.aborted) await this.#owners.readAgain();
    for (const logs of batches(this.#logs(), BATCH)) {
      if (this.#parts.signal.aborted) return;
      await this.#removeLogs(logs);
      await this.#flush();
    }
  }

  *#logs(): Generator<{ hour: string; taskId: string }> {
    const { logs } = this.#orphans;
    for (let i = 0; i < logs.size; i++) yield { hour: logs.userId(i), taskId: logs.taskId(i) };
  }

  async #removeFolders(ids: readonly TaskId[]): Promise<void> {
    const unowned = await this.#owners.stillUnowned(ids);
    for (const id of ids) if (!unowned.has(id)) this.#keep(id, "there is a record of it now");
    await this.#parts.ledger?.announce(
      "purge",
      [...unowned].map((id) => ({ ...id, reason: "orphan" })),
    );
    const removed = new Set<TaskId>();
    const remove = async (id: TaskId) => {
      if (await this.#removeFolder(id)) removed.add(id);
    };
    await pool(unowned, WIDTH, remove, this.#parts.signal);
    await this.#parts.ledger?.stayed([...unowned].filter((id) => !removed.has(id)));
    this.#progress();
  }

  async #removeFolder(id: TaskId): Promise<boolean> {
    const { artifacts, reporter } = this.#parts;
    const folder = await artifacts.purgeFolder(id.userId, id.taskId, this.#olderThan);
    if (folder.kind === "removed") {
      this.#note(artifacts.folderPath(id.userId, id.taskId), folder);
      return true;
    }
    if (folder.kind === "absent") this.#result.skipped++;
    else if (folder.retry) {
      this.#result.failed++;
      reporter.warn(`not removed: ${folder.reason}`);
    } else this.#keep(id, folder.reason);
    return false;
  }

  async #removeLogs(logs: readonly { hour: string; taskId: string }[]): Promise<void> {
    const { artifacts, ledger, reporter, signal } = this.#parts;
    const unowned = logs.filter(({ taskId }) => !this.#owners.ownsLog(taskId));
    this.#result.skipped += logs.length - unowned.length;
    await ledger?.announce(
      "purge",
      unowned.map((log) => ({ path: artifacts.logPath(log), reason: "orphan" })),
    );
    const remove = async (log: { hour: string; taskId: string }) => {
      const outcome = await artifacts.removeLog(log, this.#olderThan);
      if (outcome.kind === "removed" && outcome.files > 0) return this.#note(artifacts.logPath(log), outcome);
      this.#result.skipped++;
      if (outcome.kind === "kept") reporter.warn(`a log stays: ${outcome.reason}`);
    };
    await pool(unowned, WIDTH, remove, signal);
    this.#progress();
  }

  #note(path: string, { files, bytes }: { files: number; bytes: number }): void {
    this.#result.removed++;
    this.#result.files += files;
    this.#result.bytes += bytes;
    this.#removed.push({ path, files, bytes });
  }

  #keep({ userId, taskId }: TaskId, reason: string): void {
    this.#result.skipped++;
    this.#skips.add(userId, taskId, reason);
  }

  #progress(): void {
    const { removed, skipped, failed, folders, logs } = this.#result;
    this.#parts.reporter.progress("removing", removed + skipped + failed, folders + logs);
  }
}
