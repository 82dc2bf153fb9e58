import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type { HealthAnswer } from "../../src/http/parts.ts";
import type { Api } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";
import { ServiceClock } from "../time/service-clock.ts";

/** What is known of the server: how its stores are, how it tells time, what it permits. */
export class About {
  readonly #api: Pick<Api, "health">;
  readonly #health = signal<HealthAnswer | null>(null);
  readonly #zone = signal<string | null>(null);

  /** Null until it is known. */
  readonly health: ReadonlySignal<HealthAnswer | null> = this.#health;
  /** Null until the server was asked for its zone: no time is shown before. UTC if it could not say. */
  readonly clock: ReadonlySignal<ServiceClock | null> = computed(() =>
    this.#zone.value === null ? null : new ServiceClock(this.#zone.value),
  );
  /** Whether nothing may be deleted. Until it is known nothing may. */
  readonly readOnly: ReadonlySignal<boolean> = computed(() => this.#health.value?.readOnly ?? true);
  /** Whether a session was begun with a token, so that it can be ended. */
  readonly hasToken: ReadonlySignal<boolean> = computed(() => this.#health.value?.token ?? false);

  constructor(api: Pick<Api, "health">) {
    this.#api = api;
  }

  /** Asks again. Where there is no answer, what was known stays: the list says that the server is away. */
  async refresh(): Promise<void> {
    const health = await orFailure(this.#api.health());
    batch(() => {
      if (!(health instanceof Failure)) this.#health.value = health;
      this.#zone.value = this.#health.value?.timezone ?? "UTC";
    });
  }
}
