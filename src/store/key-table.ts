import { type ByteRanks, COLON_BETWEEN } from "../task/layouts.ts";
import type { TaskId } from "./task-source.ts";

const NONE = -1;
/** The most bytes that a UTF-16 unit of a string takes in UTF-8. */
const MOST_BYTES = 3;

/**
 * The `user:task` keys of a store file as UTF-8 in one arena, with a hash table over them: a million keys in some
 * 40 MB, and bytewise order without building strings. A key is a number, counted from 0 in the order of first sight.
 */
export class KeyTable {
  #arena = Buffer.allocUnsafe(1 << 16);
  #used = 0;
  #offsets = new Uint32Array(1 << 10);
  #userLengths = new Uint32Array(1 << 10);
  /** By key, so that a key of another hash is told from it without a look at its bytes, which lie far away. */
  #hashes = new Int32Array(1 << 10);
  #slots = new Int32Array(1 << 11).fill(NONE);
  readonly #ranks: ByteRanks | null;
  size = 0;
  /** How many keys there will be, as far as one can tell. */
  expected = 0;

  /** @param ranks by which members compare; null: bytewise */
  constructor(ranks: ByteRanks | null = null) {
    this.#ranks = ranks;
  }

  /** The number of the key whose parts stand in `bytes`, added if it is new. */
  add(bytes: Uint8Array, userFrom: number, userEnd: number, taskFrom: number, taskEnd: number): number {
    const userLength = userEnd - userFrom;
    const length = userLength + 1 + taskEnd - taskFrom;
    this.#reserve(length);
    const start = this.#used;
    const arena = this.#arena;
    let at = start;
    // A loop: for a few bytes it is quicker than a call.
    for (let from = userFrom; from < userEnd; from++) arena[at++] = bytes[from]!;
    arena[at++] = 0x3a;
    for (let from = taskFrom; from < taskEnd; from++) arena[at++] = bytes[from]!;
    return this.#intern(start, length, userLength);
  }

  /** The number of the key of a task, added if it is new. */
  addId(userId: string, taskId: string): number {
    return this.#intern(...this.#write(userId, taskId));
  }

  /** The number of a key of another table, added if it is new. */
  addOf(other: KeyTable, key: number): number {
    return this.#intern(...this.#put(other, key));
  }

  /** The number of a key of another table, or -1. */
  findOf(other: KeyTable, key: number): number {
    return this.#keyAt(...this.#put(other, key));
  }

  /** The number of the user of a key of any table, as a key `user:`, added if it is new. */
  addUserOf(other: KeyTable, key: number): number {
    const from = other.#offsets[key]!;
    return this.add(other.#arena, from, from + other.#userLengths[key]!, 0, 0);
  }

  /** The number of the task id of a key of any table, as a key `:task`, added if it is new. */
  addTaskOf(other: KeyTable, key: number): number {
    return this.add(other.#arena, 0, 0, other.#offsets[key]! + other.#userLengths[key]! + 1, other.#end(key));
  }

  /** The number of a key, or -1. */
  find(userId: string, taskId: string): number {
    return this.#keyAt(...this.#write(userId, taskId));
  }

  /** The number of the key of a user's task, or -1; `user` is UTF-8, so that many tasks of one are found quickly. */
  findTask(user: Uint8Array, taskId: string): number {
    this.#reserve(user.length + 1 + taskId.length * MOST_BYTES);
    const colon = this.#used + user.length;
    this.#arena.set(user, this.#used);
    this.#arena[colon] = 0x3a;
    const length = user.length + 1 + this.#arena.write(taskId, colon + 1);
    return this.#keyAt(this.#used, length, user.length);
  }

  userId(key: number): string {
    const from = this.#offsets[key]!;
    return this.#arena.toString("utf8", from, from + this.#userLengths[key]!);
  }

  taskId(key: number): string {
    return this.#arena.toString("utf8", this.#offsets[key]! + this.#userLengths[key]! + 1, this.#end(key));
  }

  /** All keys, in the order of their numbers. */
  *ids(): Generator<TaskId> {
    for (let key = 0; key < this.size; key++) yield { userId: this.userId(key), taskId: this.taskId(key) };
  }

  /** Whether the key's user is `user`, UTF-8. */
  hasUser(key: number, user: Uint8Array): boolean {
    if (this.#userLengths[key] !== user.length) return false;
    const from = this.#offsets[key]!;
    for (let i = 0; i < user.length; i++) if (this.#arena[from + i] !== user[i]) return false;
    return true;
  }

  /** The order of the members of the global index. */
  compare(a: number, b: number): number {
    if (this.#ranks !== null) return this.#compareRanks(this.#ranks, a, b);
    return this.#arena.compare(this.#arena, this.#offsets[b], this.#end(b), this.#offsets[a], this.#end(a));
  }

  #compareRanks(ranks: ByteRanks, a: number, b: number): number {
    const [fromA, fromB] = [this.#offsets[a]!, this.#offsets[b]!];
    const [lengthA, lengthB] = [this.#end(a) - fromA, this.#end(b) - fromB];
    const shorter = Math.min(lengthA, lengthB);
    for (let i = 0; i < shorter; i++) {
      const byteA = i === this.#userLengths[a] ? COLON_BETWEEN : this.#arena[fromA + i]!;
      const byteB = i === this.#userLengths[b] ? COLON_BETWEEN : this.#arena[fromB + i]!;
      if (byteA !== byteB) return ranks[byteA]! - ranks[byteB]!;
    }
    return lengthA - lengthB;
  }

  /** Writes a key where the next one will be, for now: its place, its length, that of its user. */
  #write(userId: string, taskId: string): [number, number, number] {
    this.#reserve((userId.length + taskId.length) * MOST_BYTES + 1);
    const start = this.#used;
    const userLength = this.#arena.write(userId, start);
    this.#arena[start + userLength] = 0x3a;
    return [start, userLength + 1 + this.#arena.write(taskId, start + userLength + 1), userLength];
  }

  /** Puts a key of another table there, with the same answer. */
  #put(other: KeyTable, key: number): [number, number, number] {
    const [from, end] = [other.#offsets[key]!, other.#end(key)];
    this.#reserve(end - from);
    other.#arena.copy(this.#arena, this.#used, from, end);
    return [this.#used, end - from, other.#userLengths[key]!];
  }

  #end(key: number): number {
    return key + 1 < this.size ? this.#offsets[key + 1]! : this.#used;
  }

  /** The number of the key at `arena[start, start + length)`, or -1. */
  #keyAt(start: number, length: number, userLength: number): number {
    return this.#slots[this.#slotOf(this.#hash(start, length), start, length, userLength)]!;
  }

  #intern(start: number, length: number, userLength: number): number {
    const hash = this.#hash(start, length);
    const slot = this.#slotOf(hash, start, length, userLength);
    const known = this.#slots[slot]!;
    if (known !== NONE) return known;
    if (this.size === this.#offsets.length) this.#grow();
    const key = this.size++;
    this.#offsets[key] = start;
    this.#userLengths[key] = userLength;
    this.#hashes[key] = hash;
    this.#used = start + length;
    this.#slots[slot] = key;
    if (this.size * 2 > this.#slots.length) this.#rehash();
    return key;
  }

  /** The slot that holds the key at `arena[start, start + length)`, or the free one where it belongs. */
  #slotOf(hash: number, start: number, length: number, userLength: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const key = this.#slots[slot]!;
      if (key === NONE || (this.#hashes[key] === hash && this.#equals(key, start, length, userLength))) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #equals(key: number, start: number, length: number, userLength: number): boolean {
    const from = this.#offsets[key]!;
    if (this.#end(key) - from !== length || this.#userLengths[key] !== userLength) return false;
    for (let i = 0; i < length; i++) if (this.#arena[from + i] !== this.#arena[start + i]) return false;
    return true;
  }

  /** FNV-1a, with a last mix so that low bits differ. */
  #hash(start: number, length: number): number {
    let hash = 0x811c9dc5;
    for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ this.#arena[i]!, 0x01000193);
    return hash ^ (hash >>> 15);
  }

  #reserve(length: number): void {
    if (this.#used + length <= this.#arena.length) return;
    const expected = (this.#used / Math.max(this.size, 1)) * this.expected;
    const larger = Buffer.allocUnsafe(Math.max(roomAfter(this.#arena.length, expected), this.#used + length));
    this.#arena.copy(larger, 0, 0, this.#used);
    this.#arena = larger;
  }

  #grow(): void {
    const length = roomAfter(this.#offsets.length, this.expected);
    this.#offsets = grown(this.#offsets, length);
    this.#userLengths = grown(this.#userLengths, length);
    this.#hashes = grown(this.#hashes, length);
  }

  #rehash(): void {
    const wanted = roomAfter(this.#slots.length, this.expected);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(wanted))).fill(NONE);
    const mask = this.#slots.length - 1;
    for (let key = 0; key < this.size; key++) {
      let slot = this.#hashes[key]! & mask;
      while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
      this.#slots[slot] = key;
    }
  }
}

/** The most that one step makes of a room that is full: of so many one can tell how many there will be. */
const MOST_TIMES = 64;

/**
 * How large a room becomes that is full: as large as is expected in all, twice at least. What is not used of it takes no memory,
 * where the smaller rooms before would, until V8 looks for them.
 */
export function roomAfter(length: number, expected: number): number {
  return Math.max(length * 2, Math.min(Math.ceil(expected), length * MOST_TIMES));
}

/** A longer typed array with the same start, of twice the length if nothing else is said. */
export function grown<T extends Uint8Array | Uint32Array | Int32Array | Float64Array>(
  array: T,
  length = array.length * 2,
): T {
  const larger = new (array.constructor as new (length: number) => T)(length);
  larger.set(array);
  return larger;
}
