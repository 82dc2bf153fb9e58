import { TtsctlError } from "../../errors.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { RecordRules } from "../../task/rules.ts";
import type { Version } from "../../task/version.ts";
import { FolderNames } from "../owners.ts";
import type { Parts } from "../parts.ts";
import { type Copies, fileCopyOf, mirrorCopy } from "./copies.ts";
import { type Limits, type RankedTasks, type Traits, traitsOf } from "./policy.ts";
import { indexMembers } from "./survey.ts";

const FINISHED = 1;
const EXPIRED = 2;
const MAKES_ROOM = 4;
/** There is a task at all: the file also has keys of tombstones and of invalid records. */
const TASK = 8;

/**
 * The traits of every task of both stores, as columns: some 20 bytes a task. Tasks of the file are numbered as their keys
 * there; Redis-only tasks come after.
 */
export class Census implements RankedTasks {
  readonly #snapshot: Snapshot;
  readonly #limits: Limits;
  readonly #onlyInRedis = new KeyTable();
  readonly #users = new KeyTable();
  readonly #fileKeys: number;
  readonly #traits: Column<Uint8Array>;
  readonly #times: Column<Float64Array>;

  constructor(snapshot: Snapshot, limits: Limits) {
    const { keys } = snapshot.rows;
    this.#snapshot = snapshot;
    this.#limits = limits;
    this.#fileKeys = keys.size;
    this.#traits = new Column(new Uint8Array(keys.size + 1));
    this.#times = new Column(new Float64Array(keys.size + 1));
    for (let key = 0; key < keys.size; key++) this.#set(key, { file: fileCopyOf(snapshot.rows, key), mirror: null });
  }

  get size(): number {
    return this.#fileKeys + this.#onlyInRedis.size;
  }

  get rules(): RecordRules {
    return this.#snapshot.rules;
  }

  /** The number of a task; -1 if neither store has it. */
  indexOf({ userId, taskId }: TaskId): number {
    const key = this.#snapshot.rows.keys.find(userId, taskId);
    if (key >= 0) return key;
    const other = this.#onlyInRedis.find(userId, taskId);
    return other < 0 ? -1 : this.#fileKeys + other;
  }

  id(i: number): TaskId {
    return i < this.#fileKeys ? this.#snapshot.rows.keys.id(i) : this.#onlyInRedis.id(i - this.#fileKeys);
  }

  /** Whether the file's copy has this time: Redis's copy is then the same. */
  hasAt(id: TaskId, score: number): boolean {
    const row = this.#snapshot.rowOf(id.userId, id.taskId);
    return row >= 0 && this.#snapshot.rows.score(row) === score;
  }

  /** Adds Redis's copy of a task; null: it could not be read, so the task counts as unfinished. */
  note(id: TaskId, mirror: Version | null): void {
    const key = this.#snapshot.rows.keys.find(id.userId, id.taskId);
    const i = key >= 0 ? key : this.#fileKeys + this.#onlyInRedis.addId(id.userId, id.taskId);
    const file = key >= 0 ? fileCopyOf(this.#snapshot.rows, key) : null;
    this.#set(i, { file, mirror: mirror ?? { status: "other", time: Number.NaN } });
  }

  isFinished(i: number): boolean {
    return this.#has(i, FINISHED);
  }

  isTask(i: number): boolean {
    return this.#has(i, TASK);
  }

  /** The finished tasks, the newest first, as docs/contract.md, Reading orders them. */
  finished(): Int32Array {
    const order = Int32Array.from({ length: this.size }, (_, i) => i).filter((i) => this.isFinished(i));
    return order.sort((a, b) => this.#times.at(b) - this.#times.at(a) || this.#compareMembers(a, b));
  }

  user(i: number): number {
    return this.#users.addId(this.id(i).userId, "");
  }

  isExpired(i: number): boolean {
    return this.#has(i, EXPIRED);
  }

  mayMakeRoom(i: number): boolean {
    return this.#has(i, MAKES_ROOM);
  }

  time(i: number): number {
    return this.#times.at(i);
  }

  #has(i: number, trait: number): boolean {
    return (this.#traits.at(i) & trait) !== 0;
  }

  #set(i: number, copies: Copies): void {
    const traits = traitsOf(copies, this.#limits);
    this.#traits.set(i, traits === undefined ? (copies.file === "invalid" ? TASK : 0) : bitsOf(traits));
    this.#times.set(i, traits?.time ?? 0);
  }

  /** Bytewise descending. */
  #compareMembers(a: number, b: number): number {
    if (a < this.#fileKeys && b < this.#fileKeys) return this.#snapshot.rows.keys.compare(b, a);
    const [ours, theirs] = [a, b].map((i) => this.id(i)).map(({ userId, taskId }) => this.rules.member(userId, taskId));
    return Buffer.compare(Buffer.from(theirs!), Buffer.from(ours!));
  }
}

function bitsOf({ finished, expired, mayMakeRoom }: Traits): number {
  return TASK | (finished ? FINISHED : 0) | (expired ? EXPIRED : 0) | (mayMakeRoom ? MAKES_ROOM : 0);
}

/**
 * Reads the copies in Redis whose time in the index is not the file's.
 * @param mirror null: only the file is read
 */
export async function takeCensus(snapshot: Snapshot, mirror: Mirror | null, limits: Limits): Promise<Census> {
  const census = new Census(snapshot, limits);
  if (mirror === null) return census;
  for await (const members of indexMembers(mirror)) {
    const others = members.filter((member) => !census.hasAt(member, member.score));
    const copies = await mirror.copies(others, "state");
    others.forEach((id, i) => {
      const answer = copies[i]!;
      const copy = answer instanceof TtsctlError ? "unread" : mirrorCopy(answer, mirror);
      // A member without a hash isn't a copy of the task.
      if (copy !== "dangling" && copy !== null) census.note(id, copy === "unread" ? null : copy);
    });
  }
  return census;
}

/**
 * How many bytes on the disk the purge of each finished task frees, once all older ones are purged. A shared log, folder or
 * file with several hard links counts for the newest of its tasks; a log or folder that an unfinished task shares, for none.
 */
export async function diskUse(
  { artifacts, reporter }: Parts<"artifacts" | "reporter">,
  census: Census,
  newestFirst: Int32Array,
  ownerless: ReadonlySet<string>,
): Promise<Float64Array> {
  const owners = ownersIn(census, newestFirst, ownerless);
  const use = new Float64Array(census.size);
  /** By inode, the newest task that holds the file. */
  const holders = new Map<bigint, { task: number; bytes: number }>();
  const unread = await artifacts.walkFolders((userId, taskId) => {
    const task = owners.ownerOf(userId, taskId);
    const folder = task < 0 ? null : artifacts.measureFolder(userId, taskId);
    if (folder?.kind !== "removed") return;
    use[task]! += folder.bytes;
    for (const { inode, bytes } of folder.linked ?? []) {
      use[task]! -= bytes;
      const holder = holders.get(inode);
      if (holder === undefined || census.time(holder.task) < census.time(task)) holders.set(inode, { task, bytes });
    }
  });
  const skipped = await artifacts.walkLogs(
    () => true,
    ({ taskId, bytes }) => {
      const task = owners.ownerOfLog(taskId);
      if (task >= 0) use[task]! += bytes;
    },
  );
  for (const reason of [...unread, ...skipped]) reporter.warn(`not counted for max_bytes: ${reason}`);
  for (const { task, bytes } of holders.values()) use[task]! += bytes;
  return use;
}

function ownersIn(census: Census, newestFirst: Int32Array, ownerless: ReadonlySet<string>): FolderNames {
  const names = new FolderNames(census.rules);
  const add = (task: number, owner: number) => {
    const id = census.id(task);
    names.add(id, owner);
    names.addLog(id.taskId, owner);
  };
  for (const task of newestFirst.toReversed()) add(task, task);
  for (let task = 0; task < census.size; task++) if (census.isTask(task) && !census.isFinished(task)) add(task, -1);
  for (const taskId of ownerless) names.addLog(taskId, -1);
  return names;
}
