import type { Artifacts } from "../../artifacts/artifacts.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import { FolderNames } from "../folder-names.ts";
import type { Reporter } from "../reporter.ts";
import type { Census } from "./census.ts";

/**
 * What would be free on the disk if a finished task went after all that are older, in bytes by the number of the task.
 * One walk over the folders and one over the logs. What tasks share, a log or a file with several hard links, counts
 * once: for the last of them to go; a log that an unfinished task owns too counts for none.
 */
export class DiskUse {
  readonly #artifacts: Artifacts;
  readonly #census: Census;
  readonly #bytes: Float64Array;
  /** By inode, the newest task that holds the file. */
  readonly #holders = new Map<bigint, { task: number; bytes: number }>();
  /** Where tasks may share a folder. */
  #folders: FolderNames | null = null;
  readonly #logIds = new KeyTable();
  readonly #logBytes = new Column(new Float64Array(1 << 10));

  private constructor(artifacts: Artifacts, census: Census) {
    this.#artifacts = artifacts;
    this.#census = census;
    this.#bytes = new Float64Array(census.size);
  }

  /** @param newestFirst the finished tasks in the order of a list */
  static async measure(
    parts: { readonly artifacts: Artifacts; readonly reporter: Reporter },
    census: Census,
    newestFirst: Int32Array,
    ownerless: ReadonlySet<string>,
  ): Promise<Float64Array> {
    const use = new DiskUse(parts.artifacts, census);
    if (census.rules.sharesFolders) use.#nameFolders(newestFirst);
    const unread = [...(await use.#walkFolders()), ...(await use.#walkLogs())];
    for (const reason of unread) parts.reporter.warn(`not counted for max_bytes: ${reason}`);
    use.#giveLogs(newestFirst, ownerless);
    for (const { task, bytes } of use.#holders.values()) use.#bytes[task]! += bytes;
    return use.#bytes;
  }

  async #walkFolders(): Promise<string[]> {
    const unread: string[] = [];
    await this.#artifacts.walkFolders({
      folder: async (userId, taskId) => {
        const task = this.#ownerOf(userId, taskId);
        if (task >= 0) await this.#addFolder(task, userId, taskId);
      },
      other: () => {}, // no task's
      unread: (reason) => void unread.push(reason),
    });
    return unread;
  }

  /** The last to go of those that have a folder, if all of them may: else nobody. */
  #nameFolders(newestFirst: Int32Array): void {
    const census = this.#census;
    const names = new FolderNames(census.rules);
    for (const task of newestFirst.toReversed()) names.add(census.userId(task), census.taskId(task), task);
    for (let task = 0; task < census.size; task++) {
      if (census.isTask(task) && !census.isFinished(task)) names.add(census.userId(task), census.taskId(task), -1);
    }
    this.#folders = names;
  }

  /** The finished task whose a folder is, or -1. */
  #ownerOf(user: string, task: string): number {
    if (this.#folders !== null) return this.#folders.ownerOf(user, task);
    const found = this.#census.indexOf({ userId: user, taskId: task });
    return found >= 0 && this.#census.isFinished(found) ? found : -1;
  }

  async #addFolder(task: number, userId: string, taskId: string): Promise<void> {
    const folder = await this.#artifacts.measureFolder(userId, taskId);
    if (folder.kind !== "removed") return;
    this.#bytes[task]! += folder.bytes;
    for (const { inode, bytes } of folder.linked ?? []) {
      this.#bytes[task]! -= bytes;
      const holder = this.#holders.get(inode);
      if (holder === undefined || this.#census.time(holder.task) < this.#census.time(task)) {
        this.#holders.set(inode, { task, bytes });
      }
    }
  }

  #walkLogs(): Promise<string[]> {
    return this.#artifacts.walkLogs(
      () => true,
      ({ taskId, bytes }) => {
        this.#logBytes.add(this.#logIds.addId("", taskId), bytes);
      },
    );
  }

  #giveLogs(newestFirst: Int32Array, ownerless: ReadonlySet<string>): void {
    for (const taskId of ownerless) this.#takeLog(taskId);
    for (let task = 0; task < this.#census.size; task++) {
      if (this.#census.isTask(task) && !this.#census.isFinished(task)) this.#takeLog(this.#census.taskId(task));
    }
    for (const task of newestFirst) this.#bytes[task]! += this.#takeLog(this.#census.taskId(task));
  }

  /** The bytes of a task's logs, for the first that asks. */
  #takeLog(taskId: string): number {
    let bytes = 0;
    for (const name of this.#census.rules.namesOf(taskId)) {
      const log = this.#logIds.find("", name);
      if (log < 0) continue;
      bytes += this.#logBytes.at(log);
      this.#logBytes.set(log, 0);
    }
    return bytes;
  }
}
