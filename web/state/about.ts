import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Health, StatsChart, StatsHealth } from "../../src/http/schema.ts";
import type { Span } from "../../src/task/spans.ts";
import type { Api } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";
import { ServiceClock } from "../time/service-clock.ts";

/** Between two looks at what needs attention. */
const DETAILS_SECONDS = 30;

/** What the server reports beside the list. On a failure the last state is kept; the list reports that the server doesn't respond. */
export class About {
  /** Its stores, its clock, its permissions. Null until it is known, as the others. */
  readonly health = signal<Health | null>(null);
  /** What an operator looks at first. */
  readonly details = signal<StatsHealth | null>(null);
  /** The counts of all tasks, or of the user that the list is filtered by. */
  readonly stats = signal<StatsChart | Failure | null>(null);
  readonly #zone = signal<string | null>(null);
  /** No time is shown before the server was asked for its zone. UTC if it could not say. */
  readonly clock = computed(() => (this.#zone.value === null ? null : new ServiceClock(this.#zone.value)));
  /** Whether deletion is off; true until the server has responded. */
  readonly readOnly = computed(() => this.health.value?.readOnly ?? true);
  #turn = 0;
  /** When what needs attention was read, epoch seconds. */
  #detailed = 0;

  constructor(
    private readonly api: Api,
    private readonly userId: ReadonlySignal<string>,
    private readonly span: ReadonlySignal<Span>,
  ) {}

  /** Counts once its zone is known, whose hours those of the chart are, and whenever the user or the time of the chart is another. */
  async begin(): Promise<void> {
    void this.#readDetails();
    await this.#readHealth();
    effect(() => void this.#count(this.userId.value, this.span.value));
  }

  /** @param isWhole whether what needs attention is read, too, even if it was just now */
  async refresh(isWhole = false): Promise<void> {
    const isDue = isWhole || this.api.now() - this.#detailed >= DETAILS_SECONDS;
    const counted = this.#count(this.userId.peek(), this.span.peek());
    await Promise.all([this.#readHealth(), counted, isDue && this.#readDetails()]);
  }

  async #readHealth(): Promise<void> {
    const health = await orFailure(this.api.health());
    batch(() => {
      if (!(health instanceof Failure)) this.health.value = health;
      this.#zone.value = this.health.value?.timezone ?? "UTC";
    });
  }

  async #readDetails(): Promise<void> {
    this.#detailed = this.api.now();
    const details = await orFailure(this.api.statsHealth());
    if (!(details instanceof Failure)) this.details.value = details;
  }

  async #count(userId: string, span: Span): Promise<void> {
    const turn = ++this.#turn;
    const stats = await orFailure(this.api.stats(userId, span));
    if (turn !== this.#turn) return;
    const isKnown = this.stats.value !== null && !(this.stats.value instanceof Failure);
    if (!isKnown || !(stats instanceof Failure)) this.stats.value = stats;
  }
}
