import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { StatsHours } from "../../src/http/routes/stats.ts";
import type { Api } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";

/** The counts above the list: of all tasks, or of the user that the list is filtered by. */
export class Overview {
  readonly #api: Pick<Api, "stats">;
  readonly #userId: ReadonlySignal<string>;
  readonly #stats = signal<StatsHours | Failure | null>(null);
  #turn = 0;

  /** Null until they are known. */
  readonly stats: ReadonlySignal<StatsHours | Failure | null> = this.#stats;

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

  /** Counting a million tasks takes seconds, so the server may answer with counts that it keeps. */
  refresh(): Promise<void> {
    return this.#count(this.#userId.peek());
  }

  async #count(userId: string): Promise<void> {
    const turn = ++this.#turn;
    const stats = await orFailure(this.#api.stats(userId));
    if (turn !== this.#turn) return;
    // Counts that are a little old are better than none; the list says that the server is away.
    const isKnown = this.#stats.value !== null && !(this.#stats.value instanceof Failure);
    if (!isKnown || !(stats instanceof Failure)) this.#stats.value = stats;
  }
}
