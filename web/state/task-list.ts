import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { TaskId } from "../../src/store/task-source.ts";
import type { Api, ListAnswer } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";
import { type Filter, isSlow, type NamedTask, NO_FILTER, type Place } from "../model/filter.ts";
import { type Held, holdRows, type ShownRow, shownRows } from "../model/hold.ts";
import { keyOf, type Row, rowOf } from "../model/row.ts";

/** The request of the list: the filter last applied, never a half-typed one. */
export interface Request extends Omit<Place, "task"> {
  readonly pageSize: number;
}

/** The list on the screen. */
export interface View {
  readonly request: Request;
  readonly answer: ListAnswer;
  /** Those of the answer, or those that were held in their places when it came. */
  readonly rows: readonly ShownRow[];
  /** When it was answered, epoch seconds of the server's clock. */
  readonly at: number;
}

export interface TaskListParts {
  readonly api: Pick<Api, "list" | "now">;
  /** Whether the user reads the list or plays from it: then no row may move. */
  isReading(): boolean;
  /** Whether the row of a task, by its key, is open. */
  isOpen(key: string): boolean;
}

function isSame(one: TaskId | null, other: TaskId | null): boolean {
  return one?.userId === other?.userId && one?.taskId === other?.taskId;
}

const LARGEST_PAGE = 1000;
/** A refresh waits this many times as long as the last answer took. */
const REST = 10;

/** The list on the screen, what it is asked for, and what a refresh may do to it. */
export class TaskList {
  readonly #parts: TaskListParts;
  readonly #request: Signal<Request>;
  readonly #view = signal<View | null>(null);
  readonly #waiting = signal<Held | null>(null);
  readonly #failure = signal<Failure | null>(null);
  readonly #rejected = signal<Failure | null>(null);
  readonly #asked = signal<Request | null>(null);
  readonly #task: Signal<NamedTask | null>;
  readonly #linked = signal<ShownRow | "missing" | Failure | null>(null);
  #question = new AbortController();
  /** Of the last answer, milliseconds. */
  #began = 0;
  #took = 0;

  /** Null until there is an answer to the request. */
  readonly view: ReadonlySignal<View | null> = this.#view;
  /** The changes of the newest response while the rows are held in place; null without any. */
  readonly waiting: ReadonlySignal<Held | null> = this.#waiting;
  /** Why the last question has no answer; the view is then the one before. */
  readonly failure: ReadonlySignal<Failure | null> = this.#failure;
  /** Why the last filter was not applied. */
  readonly rejected: ReadonlySignal<Failure | null> = this.#rejected;
  /** Whether a question of the reader's own is on its way. */
  readonly asking: ReadonlySignal<boolean> = computed(() => this.#asked.value !== null);
  /** Whether it is for another list than the shown one. */
  readonly leaving: ReadonlySignal<boolean> = computed(
    () => this.#asked.value !== null && this.#asked.value !== this.#request.value,
  );
  /** The row of the task that the address names, if it isn't on the page; or why it is missing. */
  readonly linked: ReadonlySignal<ShownRow | "missing" | Failure | null> = this.#linked;

  /**
   * @param request what is shown first
   * @param task the task that the address names
   */
  constructor(parts: TaskListParts, request: Request, task: NamedTask | null = null) {
    this.#parts = parts;
    this.#request = signal(request);
    this.#task = signal(task);
  }

  /** The task that the address names, whose row is open. */
  get task(): ReadonlySignal<NamedTask | null> {
    return this.#task;
  }

  get request(): ReadonlySignal<Request> {
    return this.#request;
  }

  /** Shows the first page of a filter. @param task the one to open */
  apply(filter: Filter, task: NamedTask | null = null): Promise<void> {
    return this.#go({ ...this.#request.value, filter, page: 1 }, task);
  }

  /** Shows the first list. If the server refuses what the address asks for, the whole list is shown with the reason. */
  async begin(): Promise<void> {
    await this.show();
    const refused = this.#rejected.value;
    if (refused === null) return;
    const { pageSize } = this.#request.value;
    await this.#go({ filter: NO_FILTER, page: 1, pageSize }, this.#task.value);
    this.#rejected.value ??= refused;
  }

  goTo(page: number): Promise<void> {
    return this.#go({ ...this.#request.value, page });
  }

  open(place: Place, pageSize: number): Promise<void> {
    const { filter, page, task } = place;
    return this.#go({ filter, page, pageSize }, task);
  }

  /** Reads the list again at the user's request and shows it, even if rows move. */
  show(): Promise<void> {
    return this.#go(this.#request.value);
  }

  /** Keeps the shown list instead of another one that is asked for. @returns whether one was */
  stay(): boolean {
    const asked = this.#asked.value;
    if (asked === null || asked === this.#request.value || this.#view.value === null) return false;
    this.#begin();
    this.#asked.value = null;
    return true;
  }

  /** Has the address name a task of this place, or none. */
  name(task: NamedTask | null): Promise<void> {
    batch(() => {
      if (!isSame(task, this.#task.value)) this.#linked.value = null;
      this.#task.value = task;
    });
    return this.#readLinked(this.#question.signal);
  }

  /** Reads the shown page again, and keeps the rows in place during reading. The user's own requests have priority. */
  async refresh(): Promise<void> {
    if (this.asking.value || this.#isResting()) return;
    const asked = await this.#ask(this.#request.value);
    if (asked !== null) await this.#update(asked);
  }

  /** Takes an answer from the stream, as `refresh` does. @param at epoch seconds */
  async receive(answer: ListAnswer | Failure, at: number): Promise<void> {
    if (this.asking.value) return;
    this.#begin(); // what was asked before may be older
    await this.#update(answer instanceof Failure ? answer : viewOf(this.#request.value, answer, at));
  }

  /** The list is still the same, but other tasks may have changed. @param at epoch seconds */
  async confirm(at: number): Promise<void> {
    const view = this.#view.value;
    if (this.asking.value || view === null || this.#failure.value !== null) return;
    this.#view.value = { ...view, at };
    await this.#readOthers();
  }

  async #update(asked: View | Failure): Promise<void> {
    if (asked instanceof Failure) this.#failure.value = asked;
    else {
      this.#take(asked, this.#parts.isReading());
      await this.#readOthers();
    }
  }

  /** Reads the shown tasks that aren't on the page. */
  async #readOthers(): Promise<void> {
    const { signal } = this.#question;
    await this.#readOpen(signal);
    await this.#readLinked(signal);
  }

  /** Searches and other orders read many records, so they are repeated less often. */
  #isResting(): boolean {
    return isSlow(this.#request.value.filter) && performance.now() - this.#began < (REST + 1) * this.#took;
  }

  /** Reads the tasks of open rows that are no longer on the page, to keep their rows up to date. */
  async #readOpen(signal: AbortSignal): Promise<void> {
    const open = this.#view.value!.rows.filter(({ key, left }) => left && this.#parts.isOpen(key));
    for (const { key, ...task } of open) {
      const found = await this.#find(task, signal);
      if (signal.aborted) return;
      if (found instanceof Failure) continue;
      this.#change((row) => (row.key === key ? { ...(found ?? { ...row, isGone: true }), left: true } : row));
    }
  }

  async #readLinked(signal: AbortSignal): Promise<void> {
    const task = this.#task.value;
    const view = this.#view.value;
    if (task === null || view === null || view.rows.some(({ key }) => key === keyOf(task.userId, task.taskId))) {
      this.#linked.value = null;
      return;
    }
    const found = await this.#find(task, signal);
    if (signal.aborted || !isSame(task, this.#task.value)) return;
    const isOutage = found instanceof Failure && !found.isMistake;
    if (!isOutage || this.#linked.value === null) this.#linked.value = found ?? "missing";
  }

  /** All tasks of the shown filter, at most so many. @throws Failure */
  async all(most: number): Promise<Row[]> {
    const { filter } = this.#request.value;
    const rows = new Map<string, Row>();
    const { signal } = new AbortController(); // a refresh doesn't end it
    for (let page = 1; rows.size < most; page++) {
      const { items } = (await this.#parts.api.list(filter, page, LARGEST_PAGE, signal)).page;
      for (const row of items.map(rowOf)) rows.set(row.key, row);
      if (items.length < LARGEST_PAGE) break;
    }
    return [...rows.values()].slice(0, most);
  }

  /** A task by its ids, on whatever page it is. */
  async #find({ userId, taskId }: TaskId, signal: AbortSignal): Promise<ShownRow | undefined | Failure> {
    const filter = { ...NO_FILTER, users: [userId], taskIds: [taskId] };
    const answer = await orFailure(this.#parts.api.list(filter, 1, 1, signal));
    return answer instanceof Failure ? answer : shownRows(answer.page.items.map(rowOf))[0];
  }

  /** Removes the row of a deleted task. */
  forget(key: string): void {
    this.#change((row) => (row.key === key ? null : row));
  }

  /** @param change null takes the row away */
  #change(change: (row: ShownRow) => ShownRow | null): void {
    const view = this.#view.value;
    if (view === null) return;
    this.#view.value = { ...view, rows: view.rows.map(change).filter((row) => row !== null) };
  }

  async #go(request: Request, task: NamedTask | null = null): Promise<void> {
    this.#asked.value = request;
    const asked = await this.#ask(request);
    if (asked === null) return;
    batch(() => {
      this.#asked.value = null;
      const isRejected = asked instanceof Failure && asked.isMistake;
      this.#rejected.value = isRejected ? asked : null;
      if (isRejected) return;
      // A row may have been opened while the same list was asked for again.
      if (request !== this.#request.value) this.#task.value = task;
      this.#request.value = request;
      if (!(asked instanceof Failure)) this.#take(asked, false);
      else this.#fail(asked);
    });
    await this.#readLinked(this.#question.signal);
  }

  /** The response as a view or a failure; null if a later request replaced this one. */
  async #ask(request: Request): Promise<View | Failure | null> {
    const signal = this.#begin();
    const { filter, page, pageSize } = request;
    const { api } = this.#parts;
    this.#began = performance.now();
    const answer = await orFailure(api.list(filter, page, pageSize, signal));
    if (signal.aborted) return null;
    this.#took = performance.now() - this.#began;
    return answer instanceof Failure ? answer : viewOf(request, answer, api.now());
  }

  #begin(): AbortSignal {
    this.#question.abort();
    this.#question = new AbortController();
    return this.#question.signal;
  }

  #take(fresh: View, hold: boolean): void {
    const shown = this.#view.value;
    // Rows of another request need not be held.
    const held =
      hold && shown !== null && shown.request === fresh.request
        ? holdRows(shown.rows, fresh.rows, fresh.request.page)
        : null;
    batch(() => {
      this.#failure.value = null;
      this.#waiting.value = held?.differs ? held : null;
      this.#view.value = held === null ? fresh : { ...fresh, rows: held.rows };
    });
  }

  #fail(failure: Failure): void {
    this.#failure.value = failure;
    if (this.#view.value?.request !== this.#request.value) this.#view.value = null;
  }
}

function viewOf(request: Request, answer: ListAnswer, at: number): View {
  return { request, answer, rows: shownRows(answer.page.items.map(rowOf)), at };
}
