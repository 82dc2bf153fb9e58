import { batch, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type Draft, draftOf, type Filter, filterOf, type NamedTask, NO_FILTER } from "../model/filter.ts";

interface FormParts {
  /** The filter applied last. */
  readonly applied: ReadonlySignal<Filter>;
  apply(filter: Filter, task?: NamedTask | null): Promise<void>;
}

/**
 * The filter as it is typed. The draft follows a filter that is applied elsewhere: by a link, or by going back. What is half
 * typed is kept when a page is turned or the order is changed, and when the answer to the form's own filter arrives.
 */
export class Form {
  readonly #parts: FormParts;
  readonly draft: Signal<Draft>;
  /** Whether the fields for exact times are shown. */
  readonly isExact = signal(false);
  /** Whether the panel with the rest of the form is open. */
  readonly isOpen = signal(false);
  #own: Filter;

  constructor(parts: FormParts) {
    this.#parts = parts;
    this.#own = parts.applied.value;
    this.draft = signal(draftOf(this.#own));
    effect(() => {
      const applied = parts.applied.value;
      if (!isSameButSorted(applied, this.#own)) this.#show(applied);
      this.#own = applied;
    });
  }

  edit(change: Partial<Draft>): void {
    this.draft.value = { ...this.draft.value, ...change };
  }

  apply(filter: Filter, task: NamedTask | null = null): Promise<void> {
    this.#own = { ...filter, sort: this.#parts.applied.value.sort };
    if (task !== null) this.#show(this.#own);
    return this.#parts.apply(this.#own, task);
  }

  /** Applies what is typed with another status or time. */
  refine(change: Partial<Filter>): Promise<void> {
    const filter = { ...(filterOf(this.draft.value) ?? this.#parts.applied.value), ...change };
    this.#show(filter);
    return this.apply(filter);
  }

  clear(): void {
    this.#show(NO_FILTER);
  }

  #show(filter: Filter): void {
    batch(() => {
      this.draft.value = draftOf(filter);
      this.isExact.value = false;
    });
  }
}

function isSameButSorted(one: Filter, other: Filter): boolean {
  return JSON.stringify({ ...one, sort: [] }) === JSON.stringify({ ...other, sort: [] });
}
