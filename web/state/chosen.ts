import { computed, effect, signal } from "@preact/signals";
import { isSelection } from "../model/filter.ts";
import type { Row } from "../model/row.ts";
import type { Choice } from "./change.ts";
import type { TaskList } from "./task-list.ts";

/** Of a search, whose tasks are named one by one in a change. */
const MOST_FOUND = 10_000;

/** The chosen rows of the page of the list, or all tasks of its filter. Another page or filter begins with none. */
export class Chosen {
  /** The keys of rows; all tasks of the filter; or those that a search found, because a change takes no search, but ids. */
  readonly #chosen = signal<Set<string> | "filter" | readonly Row[]>(new Set<string>());
  /** The row that was chosen last, where a range begins. */
  #last = "";

  readonly choice = computed((): Choice => {
    if (this.#chosen.value === "filter") {
      return { rows: this.#rows, filter: this.tasks.request.value.filter, count: this.total };
    }
    const rows = Array.isArray(this.#chosen.value) ? this.#chosen.value : this.#rows.filter(({ key }) => this.has(key));
    return { rows, filter: null, count: rows.length };
  });
  /** Whether all rows of the page are chosen. */
  readonly isPage = computed(() => this.#rows.length > 0 && this.#rows.every(({ key }) => this.has(key)));
  /** Whether the filter has more tasks than the chosen page. */
  readonly canChooseAll = computed(() => {
    const isMore = this.isPage.value && this.total > this.#rows.length;
    return isMore && this.#chosen.value instanceof Set && !this.tasks.asking.value;
  });

  constructor(private readonly tasks: TaskList) {
    tasks.request.subscribe(() => this.clear());
    effect(() => {
      const keys = this.#keys;
      const chosen = this.#chosen.peek();
      if (chosen instanceof Set) this.#chosen.value = new Set(keys.filter((key) => chosen.has(key)));
    });
  }

  /** How many tasks the filter has. */
  get total(): number {
    return this.tasks.view.value?.answer.body.total ?? 0;
  }

  get #rows(): readonly Row[] {
    return this.tasks.view.value?.rows ?? [];
  }

  get #keys(): readonly string[] {
    return this.#rows.map(({ key }) => key);
  }

  /** @param key of a row of the page */
  has(key: string): boolean {
    return !(this.#chosen.value instanceof Set) || this.#chosen.value.has(key);
  }

  /** @param isRange whether all rows from the last one on follow it */
  choose(key: string, isChosen: boolean, isRange: boolean): void {
    const keys = this.#keys;
    const ends = [keys.indexOf(key), isRange ? keys.indexOf(this.#last) : -1].filter((i) => i >= 0);
    this.#last = key;
    this.#set(keys.slice(Math.min(...ends), Math.max(...ends) + 1), isChosen);
  }

  choosePage(isChosen: boolean): void {
    this.#set(this.#keys, isChosen);
  }

  /** @throws Failure if a search can't be repeated */
  async chooseAll(): Promise<void> {
    const request = this.tasks.request.value;
    const all = isSelection(request.filter) ? "filter" : await this.tasks.all(MOST_FOUND);
    if (request === this.tasks.request.value) this.#chosen.value = all;
  }

  clear(): void {
    this.#chosen.value = new Set();
  }

  #set(keys: readonly string[], isChosen: boolean): void {
    const chosen = new Set(this.#keys.filter((key) => this.has(key)));
    for (const key of keys) isChosen ? chosen.add(key) : chosen.delete(key);
    this.#chosen.value = chosen;
  }
}
