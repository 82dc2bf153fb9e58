import type { Artifacts, FolderName, Measured } from "../artifacts/artifacts.ts";
import { KeyTable } from "../store/key-table.ts";
import type { RecordRules } from "../task/rules.ts";
import { NOBODY, placesOf } from "./owners.ts";

export interface DiskBytes {
  audioBytes: number;
  logBytes: number;
}

interface Found extends Measured {
  /** Of a log: those that have it. */
  readonly hours?: string[];
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
  async readFolders(isWanted = (_user: string) => true): Promise<void> {
    const unread = await this.artifacts.walkFolders((userId, taskId, measure) => {
      const size = isWanted(userId) ? measure() : undefined;
      if (size !== undefined) this.#found[this.#names.addId(userId, taskId)] = size;
    });
    this.unread.push(...unread);
  }

  /** @param measures false: only finds them */
  async readLogs(isWanted = (_taskId: string) => true, measures = true): Promise<void> {
    const skipped = await this.artifacts.logs.walk(({ taskId, hour }, measure) => {
      if (!isWanted(taskId)) return;
      const key = this.#names.addId("", taskId);
      this.#found[key] ??= { files: 0, bytes: 0, changedAt: 0, hours: [] };
      const [log, size] = [this.#found[key], measures ? measure() : undefined];
      log.hours!.push(hour);
      if (size === undefined) return;
      log.files += size.files;
      log.bytes += size.bytes;
      log.changedAt = Math.max(log.changedAt, size.changedAt);
    });
    this.unread.push(...skipped);
  }

  get size(): number {
    return this.#found.length;
  }

  /** What was found by a name; undefined for nothing, or something that changed after `time`, epoch seconds. */
  sizeOf({ userId, taskId }: FolderName, time = Number.POSITIVE_INFINITY): Found | undefined {
    const found = this.#found[this.#names.find(userId, taskId)];
    return found !== undefined && found.changedAt <= time ? found : undefined;
  }

  /** By a key of any table. Of several tasks of one directory or log the last owns it. @param ofSeveral of a log that had an owner before */
  own(keys: KeyTable, key: number, owner: number, ofSeveral = owner): void {
    if (keys.isPlain(key)) {
      this.#set(this.#names.findKeyOf(keys, key), owner, owner);
      this.#set(this.#names.findTaskOf(keys, key), owner, ofSeveral);
      return;
    }
    const id = keys.id(key);
    for (const { userId, taskId } of placesOf(this.rules, id))
      this.#set(this.#names.find(userId, taskId), owner, owner);
    this.ownLogs(id.taskId, owner, ofSeveral);
  }

  ownLogs(taskId: string, owner: number, ofSeveral = owner): void {
    for (const name of this.rules.namesOf(taskId)) this.#set(this.#names.find("", name), owner, ofSeveral);
  }

  #set(key: number, owner: number, ofSeveral: number): void {
    const found = this.#found[key];
    if (found !== undefined) found.owner = found.owner === undefined ? owner : ofSeveral;
  }

  /** The bytes by owner. A file of several hard links counts once: for the first owner, or a later one that `outranks` it. */
  byOwner(outranks: (later: number, earlier: number) => boolean = () => false): Map<number, DiskBytes> {
    const all = new Map<number, DiskBytes>();
    const bytesOf = (owner: number) => all.get(owner) ?? all.set(owner, { audioBytes: 0, logBytes: 0 }).get(owner)!;
    const holders = new Map<bigint, { owner: number; bytes: number }>();
    for (const { owner = NOBODY, bytes, hours, linked } of this.#found) {
      const sum = bytesOf(owner);
      if (hours === undefined) sum.audioBytes += bytes;
      else sum.logBytes += bytes;
      for (const { inode, bytes } of linked ?? []) {
        sum.audioBytes -= bytes;
        const holder = holders.get(inode);
        if (holder === undefined || outranks(owner, holder.owner)) holders.set(inode, { owner, bytes });
      }
    }
    for (const { owner, bytes } of holders.values()) bytesOf(owner).audioBytes += bytes;
    return all;
  }
}
