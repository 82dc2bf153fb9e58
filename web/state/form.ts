import { batch, effect, type ReadonlySignal, signal } from "@preact/signals";
import { type Draft, draftOf, type Filter, filterOf, type NamedTask, NO_FILTER } from "../model/filter.ts";

/**
 * The filter as it is typed. The draft follows a filter that is applied elsewhere: by a link, or by going back. What is half
 * typed is kept when a page is turned or the order is changed, and when the answer to the form's own filter arrives.
 */
export class Form {
  /** The filter applied last. */
  readonly #applied: ReadonlySignal<Filter>;
  readonly #apply: (filter: Filter, task: NamedTask | null) => Promise<void>;
  readonly draft = signal<Draft>(draftOf(NO_FILTER));
  /** Whether the fields for exact times are shown. */
  readonly isExact = signal(false);
  /** Whether the panel with the rest of the form is open. */
  readonly isOpen = signal(false);
  #own = NO_FILTER;

  constructor(applied: ReadonlySignal<Filter>, apply: (filter: Filter, task: NamedTask | null) => Promise<void>) {
    this.#applied = applied;
    this.#apply = apply;
    effect(() => {
      if (!isSameButSorted(applied.value, this.#own)) this.show(applied.value);
      this.#own = applied.value;
    });
  }

  edit(change: Partial<Draft>): void {
    this.draft.value = { ...this.draft.value, ...change };
  }

  apply(filter: Filter, task: NamedTask | null = null): Promise<void> {
    this.#own = { ...filter, sort: this.#applied.value.sort };
    if (task !== null) this.show(this.#own);
    return this.#apply(this.#own, task);
  }

  /** Applies what is typed with another status or time. */
  refine(change: Partial<Filter>): Promise<void> {
    const filter = { ...(filterOf(this.draft.value) ?? this.#applied.value), ...change };
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
