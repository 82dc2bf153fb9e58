import { type ByteRanks, COLON_BETWEEN } from "../task/layouts.ts";
import type { TaskId } from "./task-source.ts";
import { MOST_BYTES, writeText } from "./utf8.ts";

const NONE = -1;
/** The words that a key has in `#places`. */
const PLACE = 2;

/**
 * The `user:task` keys of a store file as UTF-8 in one arena, with a hash table over them: a million keys in some
 * 40 MB, and bytewise order without building strings. A key is a number, counted from 0 in the order of first sight.
 */
export class KeyTable {
  #arena = Buffer.allocUnsafe(1 << 16);
  #used = 0;
  /** Of each key where it begins in the arena, and how long its user is: side by side, for what lies apart comes slowly. */
  #places = new Uint32Array(PLACE << 10);
  /**
   * In the bits that a slot's own number has the number of a key, all of them set where there is none, and in the others
   * those of the key's hash: so nearly every other key is told from it without a look at its bytes, which lie far away.
   */
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
    const arena = this.#arena;
    let at = this.#used;
    // A loop: for a few bytes it is quicker than a call.
    for (let from = userFrom; from < userEnd; from++) arena[at++] = bytes[from]!;
    arena[at++] = 0x3a;
    for (let from = taskFrom; from < taskEnd; from++) arena[at++] = bytes[from]!;
    return this.#intern(length, userLength);
  }

  /** The number of the key of a task, added if it is new. */
  addId(userId: string, taskId: string): number {
    const userLength = this.#writeUser(userId, taskId);
    return this.#intern(this.#writeTask(taskId, userLength), userLength);
  }

  /** The number of a key of another table, added if it is new. */
  addOf(other: KeyTable, key: number): number {
    return this.#intern(this.#put(other, key), other.#userLength(key));
  }

  /** The number of a key of another table, or -1. */
  findOf(other: KeyTable, key: number): number {
    return this.#known(this.#put(other, key), other.#userLength(key));
  }

  /** The number of the user of a key of any table, as a key `user:`, added if it is new. */
  addUserOf(other: KeyTable, key: number): number {
    const from = other.#start(key);
    return this.add(other.#arena, from, from + other.#userLength(key), 0, 0);
  }

  /** The number of the task id of a key of any table, as a key `:task`, added if it is new. */
  addTaskOf(other: KeyTable, key: number): number {
    return this.add(other.#arena, 0, 0, other.#start(key) + other.#userLength(key) + 1, other.#end(key));
  }

  /** The number of the task id of a key of any table, as a key `:task`, or -1. */
  findTaskOf(other: KeyTable, key: number): number {
    const [from, end] = [other.#start(key) + other.#userLength(key), other.#end(key)];
    this.#reserve(end - from);
    other.#arena.copy(this.#arena, this.#used, from, end);
    return this.#known(end - from, 0);
  }

  /** The number of a key, or -1. */
  find(userId: string, taskId: string): number {
    const userLength = this.#writeUser(userId, taskId);
    return this.#known(this.#writeTask(taskId, userLength), userLength);
  }

  /** The number of the key of a user's task, or -1; `user` is UTF-8, so that many tasks of one are found quickly. */
  findTask(user: Uint8Array, taskId: string): number {
    this.#reserve(user.length + 1 + taskId.length * MOST_BYTES);
    this.#arena.set(user, this.#used);
    return this.#known(this.#writeTask(taskId, user.length), user.length);
  }

  userId(key: number): string {
    const from = this.#start(key);
    return this.#arena.toString("utf8", from, from + this.#userLength(key));
  }

  taskId(key: number): string {
    return this.#arena.toString("utf8", this.#start(key) + this.#userLength(key) + 1, this.#end(key));
  }

  id(key: number): TaskId {
    return { userId: this.userId(key), taskId: this.taskId(key) };
  }

  /** All keys, in the order of their numbers. */
  *ids(): Generator<TaskId> {
    for (let key = 0; key < this.size; key++) yield this.id(key);
  }

  /** Whether the key's user is `user`, UTF-8. */
  hasUser(key: number, user: Uint8Array): boolean {
    return this.#userLength(key) === user.length && this.#holds(this.#start(key), user);
  }

  /** The order of the members of the global index. */
  compare(a: number, b: number): number {
    if (this.#ranks !== null) return this.#compareRanks(this.#ranks, a, b);
    return this.#arena.compare(this.#arena, this.#start(b), this.#end(b), this.#start(a), this.#end(a));
  }

  #compareRanks(ranks: ByteRanks, a: number, b: number): number {
    const [fromA, fromB] = [this.#start(a), this.#start(b)];
    const [lengthA, lengthB] = [this.#end(a) - fromA, this.#end(b) - fromB];
    const shorter = Math.min(lengthA, lengthB);
    for (let i = 0; i < shorter; i++) {
      const byteA = i === this.#userLength(a) ? COLON_BETWEEN : this.#arena[fromA + i]!;
      const byteB = i === this.#userLength(b) ? COLON_BETWEEN : this.#arena[fromB + i]!;
      if (byteA !== byteB) return ranks[byteA]! - ranks[byteB]!;
    }
    return lengthA - lengthB;
  }

  /** Writes the user of a key where the next one will be, for now, with room for its task, and says how long it is. */
  #writeUser(userId: string, taskId: string): number {
    this.#reserve((userId.length + taskId.length) * MOST_BYTES + 1);
    return writeText(this.#arena, this.#used, userId);
  }

  /** Writes the task behind the user, and says how long the key is. */
  #writeTask(taskId: string, userLength: number): number {
    const colon = this.#used + userLength;
    this.#arena[colon] = 0x3a;
    return userLength + 1 + writeText(this.#arena, colon + 1, taskId);
  }

  /** Puts a key of another table there, with the same answer. */
  #put(other: KeyTable, key: number): number {
    const [from, end] = [other.#start(key), other.#end(key)];
    this.#reserve(end - from);
    other.#arena.copy(this.#arena, this.#used, from, end);
    return end - from;
  }

  #holds(from: number, bytes: Uint8Array): boolean {
    for (let i = 0; i < bytes.length; i++) if (this.#arena[from + i] !== bytes[i]) return false;
    return true;
  }

  #start(key: number): number {
    return this.#places[key * PLACE]!;
  }

  #end(key: number): number {
    return key + 1 < this.size ? this.#start(key + 1) : this.#used;
  }

  /** In bytes. */
  #userLength(key: number): number {
    return this.#places[key * PLACE + 1]!;
  }

  /** The number of the key that was written where the next one will be, or -1. */
  #known(length: number, userLength: number): number {
    return this.#keyIn(this.#slotOf(this.#hash(this.#used, length), this.#used, length, userLength));
  }

  /** The same, added if it is new. */
  #intern(length: number, userLength: number): number {
    const start = this.#used;
    const hash = this.#hash(start, length);
    const slot = this.#slotOf(hash, start, length, userLength);
    const known = this.#keyIn(slot);
    if (known !== NONE) return known;
    if (this.size * PLACE === this.#places.length) {
      this.#places = grown(this.#places, roomAfter(this.size, this.expected) * PLACE);
    }
    const key = this.size++;
    this.#places[key * PLACE] = start;
    this.#places[key * PLACE + 1] = userLength;
    this.#used = start + length;
    this.#slots[slot] = this.#slotValue(hash, key);
    if (this.size * 2 > this.#slots.length) this.#rehash();
    return key;
  }

  /** The number of the key in a slot, or -1. */
  #keyIn(slot: number): number {
    const value = this.#slots[slot]!;
    return value === NONE ? NONE : value & (this.#slots.length - 1);
  }

  #slotValue(hash: number, key: number): number {
    return (hash & -this.#slots.length) | key; // as there are twice as many slots as keys, never all bits
  }

  /** The slot that holds the key at `arena[start, start + length)`, or the free one where it belongs. */
  #slotOf(hash: number, start: number, length: number, userLength: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const value = this.#slots[slot]!;
      if (value === NONE) return slot;
      if (((value ^ hash) & ~mask) === 0 && this.#equals(value & mask, start, length, userLength)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #equals(key: number, start: number, length: number, userLength: number): boolean {
    const from = this.#start(key);
    if (this.#end(key) - from !== length || this.#userLength(key) !== userLength) return false;
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

  #rehash(): void {
    const wanted = roomAfter(this.#slots.length, this.expected);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(wanted))).fill(NONE);
    const mask = this.#slots.length - 1;
    for (let key = 0; key < this.size; key++) {
      const hash = this.#hash(this.#start(key), this.#end(key) - this.#start(key));
      let slot = hash & mask;
      while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
      this.#slots[slot] = this.#slotValue(hash, key);
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

/** Numbers by index, in a typed array that grows as they are set; 0 if not set. */
export class Column<T extends Uint8Array | Uint32Array | Int32Array | Float64Array> {
  #values: T;

  /** @param values as many as it begins with */
  constructor(values: T) {
    this.#values = values;
  }

  at(i: number): number {
    return this.#values[i] ?? 0;
  }

  set(i: number, value: number): void {
    while (i >= this.#values.length) this.#values = grown(this.#values);
    this.#values[i] = value;
  }

  add(i: number, value: number): void {
    this.set(i, this.at(i) + value);
  }
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
