import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { StatsResult } from "../../src/operations/stats/types.ts";
import type { Api } from "../api/api.ts";
import { Failure } from "../api/failure.ts";

/** The server counts for at most this part of the time: a million tasks take it seconds. */
const SHARE = 1 / 20;

/** The counts above the list: of all tasks, or of the user that the list is filtered by. */
export class Overview {
  readonly #api: Pick<Api, "stats">;
  readonly #userId: ReadonlySignal<string>;
  readonly #stats = signal<StatsResult | Failure | null>(null);
  #turn = 0;
  #dueAt = 0;

  /** Null until they are known. */
  readonly stats: ReadonlySignal<StatsResult | Failure | null> = this.#stats;

  constructor(api: Pick<Api, "stats">, userId: ReadonlySignal<string>) {
    this.#api = api;
    this.#userId = userId;
  }

  /** Counts now, and at once whenever the user is another. */
  start(): void {
    effect(() => {
      void this.#count(this.#userId.value);
    });
  }

  async refreshIfDue(): Promise<void> {
    if (performance.now() >= this.#dueAt) await this.refresh();
  }

  refresh(): Promise<void> {
    return this.#count(this.#userId.peek());
  }

  async #count(userId: string): Promise<void> {
    const turn = ++this.#turn;
    const began = performance.now();
    this.#dueAt = Number.POSITIVE_INFINITY; // one at a time
    const stats = await this.#api.stats(userId).catch((error: unknown) => {
      if (error instanceof Failure) return error;
      throw error;
    });
    if (turn !== this.#turn) return;
    const ended = performance.now();
    this.#dueAt = ended + (ended - began) / SHARE;
    this.#stats.value = stats;
  }
}
