import type { Artifacts, FolderOutcome, LogIndex, NewestAllowed } from "../artifacts/artifacts.ts";
import { KeyTable } from "../store/key-table.ts";
import type { FolderName } from "../task/rules.ts";
import { type FolderNames, logName } from "./owners.ts";

interface Size {
  readonly files: number;
  readonly bytes: number;
  readonly changedAt: number;
}

/** What a walk found of each directory and log, for a dry run after it. */
export class Sizes {
  readonly #names = new KeyTable();
  readonly #sizes: Size[] = [];
  /** By log: the last hour that has one. */
  readonly #hours: string[] = [];

  add({ userId, taskId }: FolderName, { files, bytes, changedAt }: Size, hour = ""): void {
    const key = this.#names.addId(userId, taskId);
    const before = this.#sizes[key] ?? NOTHING;
    const latest = Math.max(before.changedAt, changedAt);
    this.#sizes[key] = { files: before.files + files, bytes: before.bytes + bytes, changedAt: latest };
    this.#hours[key] = hour;
  }

  /** As `measureFolder` of the artifacts; undefined if the walk has no size of it. */
  measureFolder(name: FolderName, { mtime }: NewestAllowed): FolderOutcome | undefined {
    const size = this.#sizes[this.#names.find(name.userId, name.taskId)];
    if (size === undefined) return undefined;
    if (size.changedAt > mtime)
      return { kind: "kept", reason: "it is newer than this pass", newer: true, retry: false };
    return { kind: "removed", files: size.files, bytes: size.bytes };
  }

  /** As `index` of the logs; nothing is removed. */
  logIndex({ logs }: Artifacts): LogIndex {
    const keyOf = (taskId: string) => this.#names.find("", taskId);
    const measure = (taskId: string, now = Number.POSITIVE_INFINITY) => {
      const size = this.#sizes[keyOf(taskId)] ?? NOTHING;
      const { files, bytes } = size.changedAt > now ? NOTHING : size;
      return { files, bytes, kept: 0, reasons: [], retry: false };
    };
    const areOne = (taskId: string, other: string) => {
      const hour = this.#hours[keyOf(taskId)];
      return hour !== undefined && logs.areOne({ taskId, hour }, other);
    };
    return { skipped: [], size: this.#names.size, areOne, measure, remove: measure };
  }
}

const NOTHING: Size = { files: 0, bytes: 0, changedAt: 0 };

/**
 * The bytes of audio and logs by their owners. A file of several hard links counts once: for the first owner, or a later one that
 * `outranks` it. @param wanted users' directories, by name, and logs that count @param sizes gets what is found
 * @returns unread: why parts weren't measured, a line each
 */
export async function diskUse(
  artifacts: Artifacts,
  names: FolderNames,
  outranks: (later: number, earlier: number) => boolean = () => false,
  wanted = { user: (_name: string) => true, log: (_taskId: string) => true },
  sizes?: Sizes,
) {
  const [audio, logs] = [new Map<number, number>(), new Map<number, number>()];
  const add = (to: Map<number, number>, owner: number, bytes: number) =>
    void to.set(owner, (to.get(owner) ?? 0) + bytes);
  const holders = new Map<bigint, { owner: number; bytes: number }>();
  const unread = await artifacts.walkFolders((userId, taskId, measure) => {
    const folder = wanted.user(userId) ? measure() : undefined;
    if (folder === undefined) return;
    sizes?.add({ userId, taskId }, folder);
    const owner = names.ownerOf(userId, taskId);
    add(audio, owner, folder.bytes);
    for (const { inode, bytes } of folder.linked ?? []) {
      add(audio, owner, -bytes);
      const holder = holders.get(inode);
      if (holder === undefined || outranks(owner, holder.owner)) holders.set(inode, { owner, bytes });
    }
  });
  for (const { owner, bytes } of holders.values()) add(audio, owner, bytes);
  const skipped = await artifacts.logs.walk(({ taskId, hour, bytes, changedAt }) => {
    sizes?.add(logName(taskId), { files: 1, bytes, changedAt }, hour);
    add(logs, names.ownerOf("", taskId), bytes);
  }, wanted.log);
  return { audio, logs, unread: [...unread, ...skipped] };
}
