import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import { type Draft, draftOf, type Filter, filterOf, type NamedTask, NO_FILTER } from "../model/filter.ts";
import { ageIn } from "../time/service-clock.ts";

/**
 * The filter as it is typed. The draft follows a filter that is applied elsewhere: by a link, or by going back. What is half
 * typed is kept when a page is turned or the order is changed, and when the answer to the form's own filter arrives.
 */
export class Form {
  readonly draft = signal<Draft>(draftOf(NO_FILTER));
  /** Whether exact times were asked for. */
  readonly isExact = signal(false);
  /** Whether their fields are shown: also for times that aren't an age. */
  readonly hasTimes = computed(() => {
    const { since, until } = this.draft.value;
    return this.isExact.value || until !== "" || (since !== "" && ageIn(since) === undefined);
  });
  /** Whether the panel with the rest of the form is open. */
  readonly isOpen = signal(false);
  #own = NO_FILTER;

  /** @param applied the filter applied last */
  constructor(
    private readonly applied: ReadonlySignal<Filter>,
    private readonly filter: (filter: Filter, task: NamedTask | null) => Promise<void>,
  ) {
    applied.subscribe((filter) => {
      if (!isSameButSorted(filter, this.#own)) this.show(filter);
      this.#own = filter;
    });
  }

  edit(change: Partial<Draft>): void {
    this.draft.value = { ...this.draft.value, ...change };
  }

  apply(filter: Filter, task: NamedTask | null = null): Promise<void> {
    this.#own = { ...filter, sort: this.applied.value.sort };
    if (task !== null) this.show(this.#own);
    return this.filter(this.#own, task);
  }

  /** Applies what is typed with another status or time. */
  refine(change: Partial<Filter>): Promise<void> {
    const filter = { ...(filterOf(this.draft.value) ?? this.applied.value), ...change };
    this.show(filter);
    return this.apply(filter);
  }

  show(filter: Filter): void {
    batch(() => {
      this.draft.value = draftOf(filter);
      this.isExact.value = false;
    });
  }
}

function isSameButSorted(one: Filter, other: Filter): boolean {
  return JSON.stringify({ ...one, sort: [] }) === JSON.stringify({ ...other, sort: [] });
}
