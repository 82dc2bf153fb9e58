import { batch, computed, effect, signal } from "@preact/signals";
import { isSelection } from "../model/filter.ts";
import type { Row } from "../model/row.ts";
import type { Choice } from "./change.ts";
import type { TaskList } from "./task-list.ts";

/** Of a search, whose tasks are named one by one in a change. */
const MOST_FOUND = 10_000;

/** The chosen rows of the page of the list, or all tasks of its filter. Another page or filter begins with none. */
export class Chosen {
  readonly #tasks: TaskList;
  readonly #keys = signal<ReadonlySet<string>>(new Set());
  /** All tasks of the filter; or those that a search found, because a change takes no search, but ids. */
  readonly #all = signal<"filter" | readonly Row[] | null>(null);
  /** The row that was chosen last, where a range begins. */
  #last = "";

  readonly choice = computed((): Choice => {
    const all = this.#all.value;
    if (Array.isArray(all)) return { rows: all, filter: null, count: all.length };
    const rows = this.#rows.filter(({ key }) => this.#keys.value.has(key));
    if (all === null) return { rows, filter: null, count: rows.length };
    return { rows, filter: this.#tasks.request.value.filter, count: this.total };
  });
  /** Whether all rows of the page are chosen. */
  readonly isPage = computed(() => this.#rows.length > 0 && this.#rows.every(({ key }) => this.has(key)));
  /** Whether the filter has more tasks than the chosen page. */
  readonly canChooseAll = computed(
    () => !this.#tasks.asking.value && this.#all.value === null && this.isPage.value && this.total > this.#rows.length,
  );

  constructor(tasks: TaskList) {
    this.#tasks = tasks;
    effect(() => {
      void tasks.request.value;
      this.clear();
    });
    effect(() => {
      const shown = new Set(this.#rows.map(({ key }) => key));
      const kept = [...this.#keys.peek()].filter((key) => shown.has(key));
      if (kept.length < this.#keys.peek().size) this.#keys.value = new Set(kept);
    });
  }

  /** How many tasks the filter has. */
  get total(): number {
    return this.#tasks.view.value?.answer.page.total ?? 0;
  }

  get #rows(): readonly Row[] {
    return this.#tasks.view.value?.rows ?? [];
  }

  has(key: string): boolean {
    return this.#all.value !== null || this.#keys.value.has(key);
  }

  /** @param isRange whether all rows from the last one on follow it */
  choose(key: string, isChosen: boolean, isRange: boolean): void {
    const keys = this.#rows.map((row) => row.key);
    const ends = [keys.indexOf(key), isRange ? keys.indexOf(this.#last) : -1].filter((i) => i >= 0);
    this.#last = key;
    this.#set(keys.slice(Math.min(...ends), Math.max(...ends) + 1), isChosen);
  }

  choosePage(isChosen: boolean): void {
    this.#set(
      this.#rows.map(({ key }) => key),
      isChosen,
    );
  }

  /** @throws Failure if a search can't be repeated */
  async chooseAll(): Promise<void> {
    const request = this.#tasks.request.value;
    const all = isSelection(request.filter) ? "filter" : await this.#tasks.all(MOST_FOUND);
    if (request === this.#tasks.request.value) this.#all.value = all;
  }

  clear(): void {
    batch(() => {
      this.#all.value = null;
      this.#keys.value = new Set();
    });
  }

  #set(keys: readonly string[], isChosen: boolean): void {
    const chosen = new Set(this.#all.value === null ? this.#keys.peek() : this.#rows.map(({ key }) => key));
    for (const key of keys) isChosen ? chosen.add(key) : chosen.delete(key);
    batch(() => {
      this.#all.value = null;
      this.#keys.value = chosen;
    });
  }
}
