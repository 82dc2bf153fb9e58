import { type ReadonlySignal, signal } from "@preact/signals";
import type { StatsHealth } from "../../src/http/routes/stats-health.ts";
import type { Api } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";

/** What an operator looks at first. */
export class Glance {
  readonly #api: Pick<Api, "statsHealth">;
  readonly #health = signal<StatsHealth | null>(null);

  /** Null until it is known. On a failure the last state is kept. */
  readonly health: ReadonlySignal<StatsHealth | null> = this.#health;

  constructor(api: Pick<Api, "statsHealth">) {
    this.#api = api;
  }

  async refresh(): Promise<void> {
    const health = await orFailure(this.#api.statsHealth());
    if (!(health instanceof Failure)) this.#health.value = health;
  }
}
