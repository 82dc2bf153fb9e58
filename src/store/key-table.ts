import type { TaskId } from "../task/ids.ts";

const NONE = -1;
const COLON = 0x3a;
/** The most bytes that a UTF-16 unit of a string takes in UTF-8. */
const MOST_BYTES = 3;

/** By byte: 1 if a quoted id has it as it is. */
const IS_KEPT = Uint8Array.from({ length: 256 }, (_, byte) => Number(/[\w.~-]/.test(String.fromCharCode(byte))));

/** By byte: 1 if a plain id may have it. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) => Number(/[a-z0-9_-]/.test(String.fromCharCode(byte))));

/** The `user:task` keys of a store file in one arena with a hash table: 40 MB a million. A key is a number, from 0 in the order of first sight. */
export class KeyTable {
  #arena = Buffer.allocUnsafe(1 << 16);
  #used = 0;
  /** By key: where it begins in the arena, and how many bytes its user has. */
  #starts = new Uint32Array(1 << 10);
  #userLengths = new Uint32Array(1 << 10);
  /** By key: its hash. Most other keys in its slots differ in it, which saves reading their bytes. */
  #hashes = new Int32Array(1 << 10);
  /** Open addressing: the number of a key, or -1. */
  #slots = new Int32Array(1 << 11).fill(NONE);
  size = 0;
  /** How many keys there will be, as far as is known. */
  expected = 0;

  /** @param memberOf the ASCII texts by which keys compare; null: bytewise */
  constructor(private readonly memberOf: ((id: TaskId) => string) | null = null) {}

  /** The number of the key whose parts are in `bytes`, added if it is new. */
  add(bytes: Uint8Array, userFrom: number, userEnd: number, taskFrom: number, taskEnd: number): number {
    const userLength = userEnd - userFrom;
    const length = userLength + 1 + taskEnd - taskFrom;
    this.#reserve(length);
    const arena = this.#arena;
    let at = this.#used;
    // A loop: for a few bytes it is quicker than a call.
    for (let from = userFrom; from < userEnd; from++) arena[at++] = bytes[from]!;
    arena[at++] = COLON;
    for (let from = taskFrom; from < taskEnd; from++) arena[at++] = bytes[from]!;
    return this.#intern(length, userLength);
  }

  /** The number of the key of a task, added if it is new. */
  addId(userId: string, taskId: string): number {
    return this.#intern(...this.#write(userId, taskId));
  }

  find(userId: string, taskId: string): number {
    return this.#known(...this.#write(userId, taskId));
  }

  /** The number of a key of any table, or -1. */
  findKeyOf(other: KeyTable, key: number): number {
    return this.#findIn(other, other.#start(key), other.#end(key), other.#userLengths[key]!);
  }

  /** The number of the user of a key of any table, as a key `user:`, added if it is new. */
  addUserOf(other: KeyTable, key: number): number {
    return this.add(other.#arena, other.#start(key), other.#colon(key), 0, 0);
  }

  /** The number of the task id of a key of any table, as a key `:task`, added if it is new. */
  addTaskOf(other: KeyTable, key: number): number {
    return this.add(other.#arena, 0, 0, other.#colon(key) + 1, other.#end(key));
  }

  /** The number of the task id of a key of any table, as a key `:task`, or -1. */
  findTaskOf(other: KeyTable, key: number): number {
    return this.#findIn(other, other.#colon(key), other.#end(key), 0);
  }

  /** The number of a key that is in another table's arena, or -1. */
  #findIn(other: KeyTable, from: number, end: number, userLength: number): number {
    this.#reserve(end - from);
    const [arena, theirs, used] = [this.#arena, other.#arena, this.#used];
    for (let at = from; at < end; at++) arena[used + at - from] = theirs[at]!;
    return this.#known(end - from, userLength);
  }

  userId(key: number): string {
    return this.#arena.toString("utf8", this.#start(key), this.#colon(key));
  }

  taskId(key: number): string {
    return this.#arena.toString("utf8", this.#colon(key) + 1, this.#end(key));
  }

  id(key: number): TaskId {
    return { userId: this.userId(key), taskId: this.taskId(key) };
  }

  *ids(): Generator<TaskId> {
    for (let key = 0; key < this.size; key++) yield this.id(key);
  }

  /** Whether both ids have only lowercase letters, digits, `_` and `-`. */
  isPlain(key: number): boolean {
    const [colon, end] = [this.#colon(key), this.#end(key)];
    for (let at = this.#start(key); at < end; at++) if (at !== colon && IS_PLAIN[this.#arena[at]!] === 0) return false;
    return true;
  }

  /** Whether the key's user is `user`, UTF-8. */
  hasUser(key: number, user: Buffer): boolean {
    return (
      this.#userLengths[key] === user.length && user.compare(this.#arena, this.#start(key), this.#colon(key)) === 0
    );
  }

  /** The order of the members of the global index. */
  compare(a: number, b: number): number {
    if (this.memberOf === null || this.#differPlainly(a, b)) {
      return this.#arena.compare(this.#arena, this.#start(b), this.#end(b), this.#start(a), this.#end(a));
    }
    return this.memberOf(this.id(a)) < this.memberOf(this.id(b)) ? -1 : Number(a !== b);
  }

  /** Whether two keys differ first in bytes that are the same in their members: texts take ten times as long, and a mark gives many tasks one time. */
  #differPlainly(a: number, b: number): boolean {
    const [own, other] = [this.#userLengths[a]!, this.#userLengths[b]!];
    if (own === 0 || other === 0) return false;
    const [from, start] = [this.#start(a), this.#start(b)];
    const shorter = Math.min(this.#end(a) - from, this.#end(b) - start);
    const end = own === other ? shorter : Math.min(own, other) + 1;
    let at = 0;
    while (at < end && this.#arena[from + at] === this.#arena[start + at]) at++;
    if (at === end) return own === other;
    const isKept = (byte: number, colon: number) => at === colon || IS_KEPT[byte] === 1;
    return isKept(this.#arena[from + at]!, own) && isKept(this.#arena[start + at]!, other);
  }

  /** Bytewise. */
  compareUsers(a: number, b: number): number {
    return this.#arena.compare(this.#arena, this.#start(b), this.#colon(b), this.#start(a), this.#colon(a));
  }

  /** By their task ids, bytewise. */
  compareTasks(a: number, b: number): number {
    return this.#arena.compare(this.#arena, this.#colon(b), this.#end(b), this.#colon(a), this.#end(a));
  }

  #start(key: number): number {
    return this.#starts[key]!;
  }

  /** Where the colon after the user is. */
  #colon(key: number): number {
    return this.#start(key) + this.#userLengths[key]!;
  }

  #end(key: number): number {
    return key + 1 < this.size ? this.#start(key + 1) : this.#used;
  }

  /** Writes a key in the place of the next one. Returns how many bytes it has, and its user. */
  #write(userId: string, taskId: string): [length: number, userLength: number] {
    this.#reserve((userId.length + taskId.length) * MOST_BYTES + 1);
    const userLength = this.#arena.write(userId, this.#used, "utf8");
    const colon = this.#used + userLength;
    this.#arena[colon] = COLON;
    return [userLength + 1 + this.#arena.write(taskId, colon + 1, "utf8"), userLength];
  }

  /** The number of the key that was written in the place of the next one, or -1. */
  #known(length: number, userLength: number): number {
    return this.#slots[this.#slotOf(this.#hash(length), length, userLength)]!;
  }

  /** The same, added if it is new. */
  #intern(length: number, userLength: number): number {
    const hash = this.#hash(length);
    const slot = this.#slotOf(hash, length, userLength);
    const known = this.#slots[slot]!;
    if (known !== NONE) return known;
    if (this.size === this.#starts.length) {
      const room = roomAfter(this.size, this.expected);
      this.#starts = grown(this.#starts, room);
      this.#userLengths = grown(this.#userLengths, room);
      this.#hashes = grown(this.#hashes, room);
    }
    const key = this.size++;
    this.#starts[key] = this.#used;
    this.#userLengths[key] = userLength;
    this.#hashes[key] = hash;
    this.#used += length;
    this.#slots[slot] = key;
    if (this.size * 2 > this.#slots.length) this.#rehash();
    return key;
  }

  /** The slot of the key that was written in the place of the next one, or the free slot for it. */
  #slotOf(hash: number, length: number, userLength: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const key = this.#slots[slot]!;
      if (key === NONE || (this.#hashes[key] === hash && this.#equals(key, length, userLength))) return slot;
    }
  }

  #equals(key: number, length: number, userLength: number): boolean {
    const from = this.#start(key);
    if (this.#end(key) - from !== length || this.#userLengths[key] !== userLength) return false;
    for (let i = 0; i < length; i++) if (this.#arena[from + i] !== this.#arena[this.#used + i]) return false;
    return true;
  }

  /** FNV-1a of the key that was written in the place of the next one, with a last mix to make the low bits differ. */
  #hash(length: number): number {
    let hash = 0x811c9dc5;
    for (let i = this.#used; i < this.#used + length; i++) hash = Math.imul(hash ^ this.#arena[i]!, 0x01000193);
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
      let slot = this.#hashes[key]! & mask;
      while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
      this.#slots[slot] = key;
    }
  }
}

/** The first rows may be a bad estimate of the number of rows. */
const MOST_TIMES = 64;

/** The next length of a full array. Memory that is never written costs nothing; the smaller arrays do, until V8 frees them. */
export function roomAfter(length: number, expected: number): number {
  return Math.max(length * 2, Math.min(Math.ceil(expected), length * MOST_TIMES));
}

export function grown<T extends Uint8Array | Uint32Array | Int32Array | Float64Array>(
  array: T,
  length = array.length * 2,
): T {
  const larger = new (array.constructor as new (length: number) => T)(length);
  larger.set(array);
  return larger;
}

/** A set of numbers, or a KeySet if there may be a million. */
export interface Keys extends Iterable<number> {
  readonly size: number;
  has(key: number): boolean;
}

/** A set of key numbers, a bit each. */
export class KeySet {
  readonly #bits: Uint8Array;
  size = 0;

  constructor(keys: number) {
    this.#bits = new Uint8Array((keys >> 3) + 1);
  }

  static from(members: Iterable<number>, keys: number): KeySet {
    const set = new KeySet(keys);
    for (const key of members) set.add(key);
    return set;
  }

  add(key: number): void {
    if (this.has(key)) return;
    this.#bits[key >> 3]! |= 1 << (key & 7);
    this.size++;
  }

  /** False for -1. */
  has(key: number): boolean {
    return key >= 0 && (this.#bits[key >> 3]! & (1 << (key & 7))) !== 0;
  }

  *[Symbol.iterator](): Generator<number> {
    for (let key = 0; key < this.#bits.length * 8; key++) if (this.has(key)) yield key;
  }
}
