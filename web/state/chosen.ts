import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { isSelection } from "../model/filter.ts";
import type { ShownRow } from "../model/hold.ts";
import type { Choice } from "./change.ts";
import type { TaskList } from "./task-list.ts";

/** The chosen rows of the page of the list, or all tasks of its filter. Another page or filter begins with none. */
export class Chosen {
  readonly #tasks: Pick<TaskList, "view" | "request" | "asking">;
  readonly #keys = signal<ReadonlySet<string>>(new Set());
  readonly #all = signal(false);
  /** The row that was chosen last, where a range begins. */
  #last = "";

  readonly choice: ReadonlySignal<Choice> = computed(() => {
    const rows = this.#rows.filter(({ key }) => this.#keys.value.has(key));
    const { filter } = this.#tasks.request.value;
    return this.#all.value ? { rows, filter, count: this.total } : { rows, filter: null, count: rows.length };
  });
  /** Whether all rows of the page are chosen. */
  readonly isPage: ReadonlySignal<boolean> = computed(() => {
    return this.#rows.length > 0 && this.#rows.every(({ key }) => this.has(key));
  });
  /** Whether the filter has more tasks than the chosen page, and a server can find them. */
  readonly canChooseAll: ReadonlySignal<boolean> = computed(() => {
    const { filter } = this.#tasks.request.value;
    return (
      !this.#tasks.asking.value &&
      !this.#all.value &&
      this.isPage.value &&
      this.total > this.#rows.length &&
      isSelection(filter)
    );
  });

  constructor(tasks: Pick<TaskList, "view" | "request" | "asking">) {
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

  get #rows(): readonly ShownRow[] {
    return this.#tasks.view.value?.rows ?? [];
  }

  has(key: string): boolean {
    return this.#all.value || this.#keys.value.has(key);
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

  chooseAll(): void {
    this.#all.value = true;
  }

  clear(): void {
    batch(() => {
      this.#all.value = false;
      this.#keys.value = new Set();
    });
  }

  #set(keys: readonly string[], isChosen: boolean): void {
    const chosen = new Set(this.#all.peek() ? this.#rows.map(({ key }) => key) : this.#keys.peek());
    for (const key of keys) isChosen ? chosen.add(key) : chosen.delete(key);
    batch(() => {
      this.#all.value = false;
      this.#keys.value = chosen;
    });
  }
}
