import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { StatsChart } from "../../src/http/routes/stats.ts";
import type { Span } from "../../src/task/spans.ts";
import type { Api } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";

/** The counts above the list: of all tasks, or of the user that the list is filtered by. */
export class Overview {
  readonly #api: Pick<Api, "stats">;
  readonly #userId: ReadonlySignal<string>;
  readonly #span: ReadonlySignal<Span>;
  readonly #stats = signal<StatsChart | Failure | null>(null);
  #turn = 0;

  /** Null until they are known. */
  readonly stats: ReadonlySignal<StatsChart | Failure | null> = this.#stats;

  constructor(api: Pick<Api, "stats">, userId: ReadonlySignal<string>, span: ReadonlySignal<Span>) {
    this.#api = api;
    this.#userId = userId;
    this.#span = span;
  }

  /** Counts now, and at once whenever the user or the time of the chart is another. */
  start(): void {
    effect(() => {
      void this.#count(this.#userId.value, this.#span.value);
    });
  }

  /** Counting a million tasks takes seconds, so the server may answer with counts that it keeps. */
  refresh(): Promise<void> {
    return this.#count(this.#userId.peek(), this.#span.peek());
  }

  async #count(userId: string, span: Span): Promise<void> {
    const turn = ++this.#turn;
    const stats = await orFailure(this.#api.stats(userId, span));
    if (turn === this.#turn) this.receive(stats);
  }

  receive(stats: StatsChart | Failure): void {
    this.#turn++;
    // Counts that are a little old are better than none; the list says that the server is away.
    const isKnown = this.#stats.value !== null && !(this.#stats.value instanceof Failure);
    if (!isKnown || !(stats instanceof Failure)) this.#stats.value = stats;
  }

  /** The counts are still right. @param at ISO 8601 */
  confirm(at: string): void {
    const stats = this.#stats.value;
    if (stats !== null && !(stats instanceof Failure)) this.#stats.value = { ...stats, at };
  }
}
