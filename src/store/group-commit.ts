/** Some items that are worked on together, and how to say what came of them. */
export interface Batch<T, R> {
  readonly items: readonly T[];
  /** One result for each item, in their order. */
  settle(results: readonly R[]): void;
}

/** The batches that come one after the other to who works on them. */
export interface Batches<T, R> {
  /**
   * All that waits now; or, where nothing does, what comes within some milliseconds. Null: nothing came, or `close` was
   * called meanwhile.
   */
  next(lingerMs: number): Promise<Batch<T, R> | null>;
}

interface Waiting<T, R> {
  readonly item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/**
 * Group commit: what is added while a batch is worked on waits, and is the next batch. Batches are worked on one at a
 * time and keep the order in which their items came.
 */
export class GroupCommit<T, R> {
  readonly #work: (batches: Batches<T, R>) => Promise<void>;
  #waiting: Waiting<T, R>[] = [];
  #wake: (() => void) | undefined;
  #working: Promise<void> | null = null;
  #closing = false;

  /** @param work works on at least one batch; called again as long as anything waits */
  constructor(work: (batches: Batches<T, R>) => Promise<void>) {
    this.#work = work;
  }

  /** Resolves with what came of the item; rejects with the error that its batch met. */
  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#wake?.();
      this.#working ??= this.#run();
    });
  }

  /** Resolves when nothing waits and nothing is worked on. */
  async drained(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }

  /** Nobody lingers from now on; returns when all that was added is worked on. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wake?.();
    await this.drained();
  }

  async #run(): Promise<void> {
    await null; // what is added in the same turn belongs to the first batch
    try {
      while (this.#waiting.length > 0) await this.#burst();
    } finally {
      this.#working = null;
    }
  }

  /** One call of `work`: what it took and did not settle has failed. */
  async #burst(): Promise<void> {
    const taken = new Set<Waiting<T, R>>();
    const next = async (lingerMs: number) => {
      if (this.#waiting.length === 0 && lingerMs > 0) await this.#linger(lingerMs);
      return this.#waiting.length === 0 ? null : this.#take(taken);
    };
    let failure: unknown = new Error("a batch was not settled");
    try {
      await this.#work({ next });
    } catch (error) {
      failure = error;
      // What went wrong before a batch was taken concerns all that wait: else they would meet it for ever.
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

  async #linger(ms: number): Promise<void> {
    if (this.#closing) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
