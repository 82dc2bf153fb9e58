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
