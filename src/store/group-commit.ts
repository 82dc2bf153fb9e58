import type { Clock } from "../clock.ts";

/** Items that are worked on together. */
export interface Batch<T, R> {
  readonly items: readonly T[];
  /** One result for each item, in their order. */
  settle(results: readonly R[]): void;
}

export interface Batches<T, R> {
  /** All waiting items; without any, those that arrive within the time. Null if none arrived, or on `close`. */
  next(lingerMs: number): Promise<Batch<T, R> | null>;
}

interface Waiting<T, R> {
  readonly item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/** Group commit: items that are added during a batch become the next one. Batches run one at a time, in order. */
export class GroupCommit<T, R> {
  readonly #work: (batches: Batches<T, R>) => Promise<void>;
  readonly #clock: Clock;
  #waiting: Waiting<T, R>[] = [];
  #wake = new AbortController();
  #working: Promise<void> | null = null;
  #closing = false;

  /** @param work works on at least one batch; called again while items wait */
  constructor(clock: Clock, work: (batches: Batches<T, R>) => Promise<void>) {
    this.#clock = clock;
    this.#work = work;
  }

  /** Resolves with the result of the item; rejects with the error of its batch. */
  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#wake.abort();
      this.#working ??= this.#run();
    });
  }

  /** Ends lingering; returns when all items are worked on. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wake.abort();
    while (this.#working !== null) await this.#working;
  }

  async #run(): Promise<void> {
    await null; // items of the same turn belong to the first batch
    try {
      while (this.#waiting.length > 0) await this.#burst();
    } finally {
      this.#working = null;
    }
  }

  /** One call of `work`: batches that it took and didn't settle have failed. */
  async #burst(): Promise<void> {
    const taken = new Set<Waiting<T, R>>();
    const next = async (lingerMs: number) => {
      if (this.#waiting.length === 0 && lingerMs > 0 && !this.#closing) {
        this.#wake = new AbortController();
        await this.#clock.sleep(lingerMs, this.#wake.signal);
      }
      return this.#waiting.length === 0 ? null : this.#take(taken);
    };
    let failure: unknown = new Error("a batch was not settled");
    try {
      await this.#work({ next });
    } catch (error) {
      failure = error;
      // An error before the first batch rejects all items that wait, or they would meet it for ever.
      if (taken.size === 0) this.#take(taken);
    }
    for (const { reject } of taken) reject(failure);
  }

  #take(taken: Set<Waiting<T, R>>): Batch<T, R> {
    const batch = this.#waiting;
    this.#waiting = [];
    for (const waiting of batch) taken.add(waiting);
    const settle = (results: readonly R[]) =>
      batch.forEach((waiting, i) => {
        taken.delete(waiting);
        waiting.resolve(results[i]!);
      });
    return { items: batch.map(({ item }) => item), settle };
  }
}
