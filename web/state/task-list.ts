import { batch, computed, type Signal, signal } from "@preact/signals";
import type { TaskPage } from "../../src/http/schema.ts";
import { keyOf, type TaskId } from "../../src/task/ids.ts";
import { QUERY_FIELDS } from "../../src/task/query-fields.ts";
import type { Api, Noted } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";
import type { Filter, NamedTask, Request, Tab } from "../model/filter.ts";
import { filterOfTask, isSlow, NO_FILTER } from "../model/filter.ts";
import { type Held, holdRows, type Row, rowOf } from "../model/row.ts";

export interface View {
  readonly request: Request;
  readonly answer: Noted<TaskPage>;
  /** Those of the answer, or those that were held in their places when it came. */
  readonly rows: readonly Row[];
  /** When it was answered, epoch seconds of the server's clock. */
  readonly at: number;
}

/** A refresh waits this many times as long as the last answer took. */
const REST = 10;

/** The list on the screen, what it is asked for, and what a refresh may do to it. Others only read its signals. */
export class TaskList {
  readonly request: Signal<Request>;
  /** Null until there is an answer to the request. */
  readonly view = signal<View | null>(null);
  /** The changes of the newest response while the rows are held in place; null without any. */
  readonly waiting = signal<Held | null>(null);
  /** Why the last question has no answer; the view is then the one before. */
  readonly failure = signal<Failure | null>(null);
  /** Why the last filter was not applied. */
  readonly rejected = signal<Failure | null>(null);
  /** The task that the address names, whose row is open. */
  readonly task: Signal<NamedTask | null>;
  readonly namedKey = computed(() => this.task.value && keyOf(this.task.value));
  /** Its row, if it isn't on the page; or why it is missing. */
  readonly linked = signal<Row | "missing" | Failure | null>(null);
  readonly #asked = signal<Request | null>(null);
  /** Whether a question of the reader's own is on its way. */
  readonly asking = computed(() => this.#asked.value !== null);
  /** Whether it is for another list than the shown one. */
  readonly leaving = computed(() => this.asking.value && this.#asked.value !== this.request.value);
  #question = new AbortController();
  /** Of the last answer, milliseconds. */
  #began = 0;
  #took = 0;

  constructor(
    private readonly api: Api,
    /** Whether the user reads the list or plays from it: then no row may move. */
    private readonly isReading: () => boolean,
    /** Of the row of a task, by its key; undefined if it is closed. */
    private readonly tabOf: (key: string) => Tab | undefined,
    request: Request,
    task: NamedTask | null,
  ) {
    this.request = signal(request);
    this.task = signal(task);
  }

  /** Shows the first page of a filter. @param task the one to open */
  apply(filter: Filter, task: NamedTask | null = null): Promise<void> {
    return this.open({ filter, page: 1 }, task);
  }

  open(change: Partial<Request>, task: NamedTask | null = null): Promise<void> {
    return this.#go({ ...this.request.value, ...change }, task);
  }

  /** Shows the first list. If the server refuses what the address asks for, the whole list is shown with the reason. */
  async begin(): Promise<void> {
    await this.show();
    const refused = this.rejected.value;
    if (refused === null) return;
    await this.apply(NO_FILTER, this.task.value);
    this.rejected.value ??= refused;
  }

  /** Reads the list again at the user's request and shows it, even if rows move. */
  show(): Promise<void> {
    return this.#go(this.request.value);
  }

  /** Keeps the shown list instead of another one that is asked for. @returns whether one was */
  stay(): boolean {
    if (!this.leaving.value || this.view.value === null) return false;
    this.#question.abort();
    this.#asked.value = null;
    return true;
  }

  /** Has the address name a task of this place, or none. */
  name(task: NamedTask | null): Promise<void> {
    batch(() => {
      if (task === null || keyOf(task) !== this.namedKey.value) this.linked.value = null;
      this.task.value = task;
    });
    return this.#readLinked(this.#question.signal);
  }

  /**
   * Reads the shown page again, and keeps the rows in place during reading. The user's own requests have priority.
   * @param mayShare as for `Api.list`
   * @returns whether it was asked for
   */
  async refresh(mayShare = false): Promise<boolean> {
    // Searches and other orders read many records, so they are repeated less often.
    const isResting = isSlow(this.request.value.filter) && performance.now() - this.#began < (REST + 1) * this.#took;
    if (this.asking.value || isResting) return false;
    const asked = await this.#ask(this.request.value, mayShare);
    if (asked === null) return true;
    if (asked instanceof Failure) this.failure.value = asked;
    else {
      this.#take(asked, this.isReading());
      await this.#readOthers();
    }
    return true;
  }

  /** Reads the shown tasks that aren't on the page: of open rows, and of the address. */
  async #readOthers(): Promise<void> {
    const { signal } = this.#question;
    const open = this.view.value!.rows.filter(({ key, left }) => left && this.tabOf(key));
    for (const { key, ...task } of open) {
      const found = await this.find(task, signal);
      if (signal.aborted) return;
      if (found instanceof Failure) continue;
      const changed = (row: Row) => ({ ...(found ?? { ...row, isGone: true }), left: true });
      this.#change((rows) => rows.map((row) => (row.key === key ? changed(row) : row)));
    }
    await this.#readLinked(signal);
  }

  async #readLinked(signal: AbortSignal): Promise<void> {
    const task = this.task.value;
    const view = this.view.value;
    const name = this.namedKey.value;
    if (task === null || view === null || view.rows.some(({ key }) => key === name)) {
      this.linked.value = null;
      return;
    }
    const found = await this.find(task, signal);
    if (signal.aborted || name !== this.namedKey.value) return;
    const isOutage = found instanceof Failure && !found.isMistake;
    if (!isOutage || this.linked.value === null) this.linked.value = found ?? "missing";
  }

  /** All tasks of the shown filter, at most so many. A refresh doesn't end it. @throws Failure */
  async all(most: number): Promise<Row[]> {
    const { filter } = this.request.value;
    const rows = new Map<string, Row>();
    for (let page = 1; rows.size < most; page++) {
      const { body } = await this.api.list({ filter, page, pageSize: QUERY_FIELDS.pageSize.range[1] });
      for (const row of body.items.map(rowOf)) rows.set(row.key, row);
      if (body.items.length < body.pageSize) break;
    }
    return [...rows.values()].slice(0, most);
  }

  /** A task by its ids, on whatever page it is. */
  async find(task: TaskId, signal: AbortSignal | null = null): Promise<Row | undefined | Failure> {
    const answer = await orFailure(this.api.list({ filter: filterOfTask(task), page: 1, pageSize: 1 }, signal));
    return answer instanceof Failure ? answer : answer.body.items.map(rowOf)[0];
  }

  forget(key: string): void {
    this.#change((rows) => rows.filter((row) => row.key !== key));
  }

  #change(change: (rows: readonly Row[]) => Row[]): void {
    const view = this.view.value;
    if (view !== null) this.view.value = { ...view, rows: change(view.rows) };
  }

  async #go(request: Request, task: NamedTask | null = null): Promise<void> {
    this.#asked.value = request;
    const asked = await this.#ask(request);
    if (asked === null) return;
    batch(() => {
      this.#asked.value = null;
      const isRejected = asked instanceof Failure && asked.isMistake;
      this.rejected.value = isRejected ? asked : null;
      if (isRejected) return;
      // A row may have been opened while the same list was asked for again.
      if (request !== this.request.value) this.task.value = task;
      this.request.value = request;
      if (!(asked instanceof Failure)) return this.#take(asked, false);
      this.failure.value = asked;
      if (this.view.value?.request !== request) this.view.value = null;
    });
    await this.#readLinked(this.#question.signal);
  }

  /** The response as a view or a failure; null if a later request replaced this one. */
  async #ask(request: Request, mayShare = false): Promise<View | Failure | null> {
    this.#question.abort();
    this.#question = new AbortController();
    const { signal } = this.#question;
    this.#began = performance.now();
    const answer = await orFailure(this.api.list(request, signal, mayShare));
    if (signal.aborted) return null;
    this.#took = performance.now() - this.#began;
    if (answer instanceof Failure) return answer;
    return { request, answer, rows: answer.body.items.map(rowOf), at: this.api.now() };
  }

  #take(fresh: View, hold: boolean): void {
    const shown = this.view.value;
    // Rows of another request need not be held.
    const isHeld = hold && shown?.request === fresh.request;
    const held = isHeld ? holdRows(shown.rows, fresh.rows, fresh.request.page) : null;
    batch(() => {
      this.failure.value = null;
      this.waiting.value = held?.differs ? held : null;
      this.view.value = held === null ? fresh : { ...fresh, rows: held.rows };
    });
  }
}
