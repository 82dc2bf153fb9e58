import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { Failure, orFailure } from "../api/failure.ts";
import { isSelection } from "../model/filter.ts";
import type { ShownRow } from "../model/hold.ts";
import type { Row } from "../model/row.ts";
import type { Choice } from "./change.ts";
import type { TaskList } from "./task-list.ts";

/** Of a search, whose tasks are named one by one in a change. */
const MOST_FOUND = 10_000;

/** The chosen rows of the page of the list, or all tasks of its filter. Another page or filter begins with none. */
export class Chosen {
  readonly #tasks: Pick<TaskList, "view" | "request" | "asking" | "all">;
  readonly #keys = signal<ReadonlySet<string>>(new Set());
  readonly #all = signal(false);
  /** Those that a search found: a change takes no search, but ids. */
  readonly #found = signal<readonly Row[] | null>(null);
  /** The row that was chosen last, where a range begins. */
  #last = "";

  readonly choice: ReadonlySignal<Choice> = computed(() => {
    const rows = this.#rows.filter(({ key }) => this.#keys.value.has(key));
    const { filter } = this.#tasks.request.value;
    const found = this.#found.value;
    if (found !== null) return { rows: found, filter: null, count: found.length };
    return this.#all.value ? { rows, filter, count: this.total } : { rows, filter: null, count: rows.length };
  });
  /** Whether all rows of the page are chosen. */
  readonly isPage: ReadonlySignal<boolean> = computed(() => {
    return this.#rows.length > 0 && this.#rows.every(({ key }) => this.has(key));
  });
  /** Whether the filter has more tasks than the chosen page. */
  readonly canChooseAll: ReadonlySignal<boolean> = computed(
    () => !this.#tasks.asking.value && !this.#isAll && this.isPage.value && this.total > this.#rows.length,
  );

  constructor(tasks: Pick<TaskList, "view" | "request" | "asking" | "all">) {
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

  get #isAll(): boolean {
    return this.#all.value || this.#found.value !== null;
  }

  get #rows(): readonly ShownRow[] {
    return this.#tasks.view.value?.rows ?? [];
  }

  has(key: string): boolean {
    return this.#isAll || this.#keys.value.has(key);
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
    const { value: request } = this.#tasks.request;
    if (isSelection(request.filter)) this.#all.value = true;
    else {
      const found = await orFailure(this.#tasks.all(MOST_FOUND));
      if (found instanceof Failure) throw found;
      if (request === this.#tasks.request.value) this.#found.value = found;
    }
  }

  clear(): void {
    batch(() => {
      this.#all.value = false;
      this.#found.value = null;
      this.#keys.value = new Set();
    });
  }

  #set(keys: readonly string[], isChosen: boolean): void {
    const chosen = new Set(this.#isAll ? this.#rows.map(({ key }) => key) : this.#keys.peek());
    for (const key of keys) isChosen ? chosen.add(key) : chosen.delete(key);
    batch(() => {
      this.#all.value = false;
      this.#found.value = null;
      this.#keys.value = chosen;
    });
  }
}
