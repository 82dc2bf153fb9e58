import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Health } from "../../src/http/parts.ts";
import type { StatsHealth } from "../../src/http/routes/stats-health.ts";
import type { Api } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";
import { ServiceClock } from "../time/service-clock.ts";

/** The state of the server: its stores, its clock, its permissions. */
export class About {
  readonly #api: Pick<Api, "health" | "statsHealth">;
  readonly #health = signal<Health | null>(null);
  readonly #zone = signal<string | null>(null);
  readonly #details = signal<StatsHealth | null>(null);

  /** Null until it is known. */
  readonly health: ReadonlySignal<Health | null> = this.#health;
  /** What an operator looks at first. Null until it is known. On a failure the last state is kept. */
  readonly details: ReadonlySignal<StatsHealth | null> = this.#details;
  /** Null until the server was asked for its zone: no time is shown before. UTC if it could not say. */
  readonly clock: ReadonlySignal<ServiceClock | null> = computed(() =>
    this.#zone.value === null ? null : new ServiceClock(this.#zone.value),
  );
  /** Whether deletion is off; true until the server has responded. */
  readonly readOnly: ReadonlySignal<boolean> = computed(() => this.#health.value?.readOnly ?? true);
  /** Whether the session was opened with a token: then there is a sign-out. */
  readonly hasToken: ReadonlySignal<boolean> = computed(() => this.#health.value?.token ?? false);

  constructor(api: Pick<Api, "health" | "statsHealth">) {
    this.#api = api;
  }

  /** Reads it again. On a failure the last state is kept; the list reports that the server doesn't respond. */
  async refresh(): Promise<void> {
    this.receive(await orFailure(this.#api.health()));
  }

  async refreshDetails(): Promise<void> {
    const details = await orFailure(this.#api.statsHealth());
    if (!(details instanceof Failure)) this.#details.value = details;
  }

  receive(health: Health | Failure): void {
    batch(() => {
      if (!(health instanceof Failure)) this.#health.value = health;
      this.#zone.value = this.#health.value?.timezone ?? "UTC";
    });
  }
}
