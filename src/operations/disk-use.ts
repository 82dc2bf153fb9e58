import type { Artifacts, FolderOutcome, LogIndex, NewestAllowed } from "../artifacts/artifacts.ts";
import { KeyTable } from "../store/key-table.ts";
import type { TaskId } from "../task/ids.ts";
import type { FolderName, RecordRules } from "../task/rules.ts";
import { logName, NOBODY, placesOf } from "./owners.ts";

interface Found {
  readonly files: number;
  readonly bytes: number;
  readonly changedAt: number;
  readonly linked?: readonly { inode: bigint; bytes: number }[] | undefined;
  /** Of a log: the last one that has it. */
  readonly hour?: string;
  owner?: number;
}

/** The directories and logs that a walk found, by their names, and their owners: numbers. Tasks of different ids may have the same names. */
export class DiskUse {
  readonly #names = new KeyTable();
  readonly #found: Found[] = [];
  /** Why parts weren't measured, a line each. */
  readonly unread: string[] = [];

  constructor(
    private readonly artifacts: Artifacts,
    private readonly rules: RecordRules,
  ) {}

  /** @param isWanted whether to measure the directories of a user, by name */
  async read(isWanted = (_user: string) => true): Promise<void> {
    const unread = await this.artifacts.walkFolders((userId, taskId, measure) => {
      const size = isWanted(userId) ? measure() : undefined;
      if (size !== undefined) this.#add({ userId, taskId }, size);
    });
    const skipped = await this.artifacts.logs.walk(({ taskId, hour, bytes, changedAt }) =>
      this.#add(logName(taskId), { files: 1, bytes, changedAt, hour }),
    );
    this.unread.push(...unread, ...skipped);
  }

  #add({ userId, taskId }: FolderName, found: Found): void {
    const key = this.#names.addId(userId, taskId);
    const { files, bytes, changedAt } = this.#found[key] ?? NOTHING;
    const latest = Math.max(changedAt, found.changedAt);
    this.#found[key] = { ...found, files: files + found.files, bytes: bytes + found.bytes, changedAt: latest };
  }

  /** Of several tasks that have one directory or log, the last owns it. @param ofSeveral the owner of a log that had one before */
  own({ userId, taskId }: TaskId, owner: number, ofSeveral = owner): void {
    for (const place of placesOf(this.rules, { userId, taskId }))
      this.#set(this.#names.find(place.userId, place.taskId), owner, owner);
    this.ownLogs(taskId, owner, ofSeveral);
  }

  ownLogs(taskId: string, owner: number, ofSeveral = owner): void {
    for (const name of this.rules.namesOf(taskId)) this.#set(this.#names.find("", name), owner, ofSeveral);
  }

  /** `own` for the task of a key of any table. */
  ownKey(keys: KeyTable, key: number, owner: number, ofSeveral: number): void {
    if (keys.isPlain(key)) {
      this.#set(this.#names.findKeyOf(keys, key), owner, owner);
      this.#set(this.#names.findTaskOf(keys, key), owner, ofSeveral);
    } else this.own(keys.id(key), owner, ofSeveral);
  }

  #set(key: number, owner: number, ofSeveral: number): void {
    const found = this.#found[key];
    if (found !== undefined) found.owner = found.owner === undefined ? owner : ofSeveral;
  }

  /** The bytes by owner. A file of several hard links counts once: for the first owner, or a later one that `outranks` it. */
  byOwner(outranks: (later: number, earlier: number) => boolean = () => false) {
    const [audio, logs] = [new Map<number, number>(), new Map<number, number>()];
    const add = (to: Map<number, number>, owner: number, bytes: number) =>
      void to.set(owner, (to.get(owner) ?? 0) + bytes);
    const holders = new Map<bigint, { owner: number; bytes: number }>();
    for (const { owner = NOBODY, bytes, hour, linked = [] } of this.#found) {
      add(hour === undefined ? audio : logs, owner, bytes);
      for (const { inode, bytes } of linked) {
        add(audio, owner, -bytes);
        const holder = holders.get(inode);
        if (holder === undefined || outranks(owner, holder.owner)) holders.set(inode, { owner, bytes });
      }
    }
    for (const { owner, bytes } of holders.values()) add(audio, owner, bytes);
    return { audio, logs };
  }

  /** As of the artifacts, from what the walk found; undefined if it has no size of it. */
  measureFolder({ userId, taskId }: FolderName, { mtime }: NewestAllowed): FolderOutcome | undefined {
    const found = this.#found[this.#names.find(userId, taskId)];
    if (found === undefined) return undefined;
    const { files, bytes, changedAt } = found;
    if (changedAt <= mtime) return { kind: "removed", files, bytes };
    return { kind: "kept", reason: "it is newer than this pass", newer: true, retry: false };
  }

  /** As `index` of the logs, for a dry run: nothing is removed. */
  logIndex(): LogIndex {
    const foundOf = (taskId: string) => this.#found[this.#names.find("", taskId)] ?? NOTHING;
    const measure = (taskId: string, now = Number.POSITIVE_INFINITY) => {
      const found = foundOf(taskId);
      const { files, bytes } = found.changedAt > now ? NOTHING : found;
      return { files, bytes, kept: 0, reasons: [], retry: false };
    };
    const areOne = (taskId: string, other: string) => {
      const { hour } = foundOf(taskId);
      return hour !== undefined && this.artifacts.logs.areOne({ taskId, hour }, other);
    };
    return { skipped: [], size: this.#names.size, areOne, measure, remove: measure };
  }
}

const NOTHING: Found = { files: 0, bytes: 0, changedAt: 0 };
