interface Waiting<T, R> {
  readonly item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/** Group commit: items that are added during a batch become the next one. Batches run one at a time, in order. */
export class GroupCommit<T, R> {
  readonly #work: (items: readonly T[]) => Promise<readonly R[]>;
  #waiting: Waiting<T, R>[] = [];
  #working: Promise<void> | null = null;

  /** @param work returns one result for each item, in their order; its error is that of all of them */
  constructor(work: (items: readonly T[]) => Promise<readonly R[]>) {
    this.#work = work;
  }

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#working ??= this.#run();
    });
  }

  /** Returns when all items are worked on. */
  async close(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }

  async #run(): Promise<void> {
    await null; // items of the same turn belong to the first batch
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#work(batch.map(({ item }) => item)).then(
        (results) => batch.forEach(({ resolve }, i) => void resolve(results[i]!)),
        (error) => batch.forEach(({ reject }) => void reject(error)),
      );
      await new Promise((next) => setImmediate(next)); // callers whose change is settled add their next one
    }
    this.#working = null;
  }
}
