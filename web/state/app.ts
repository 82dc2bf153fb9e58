import { batch, computed, signal } from "@preact/signals";
import { keyOf, splitName, type TaskId } from "../../src/task/ids.ts";
import { Api, type ChangeResult } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";
import type { Messages } from "../i18n/en.ts";
import { messagesIn, TAGS } from "../i18n/language.ts";
import { type Filter, filterOfTask, type NamedTask, type Place, type Tab } from "../model/filter.ts";
import type { Row } from "../model/row.ts";
import type { ServiceClock } from "../time/service-clock.ts";
import { About } from "./about.ts";
import { Audio, Player } from "./audio.ts";
import { type Asked, Change, changeSaid, goneOf } from "./change.ts";
import { Chosen } from "./chosen.ts";
import { Form } from "./form.ts";
import type { Preferences } from "./preferences.ts";
import { Reading } from "./reading.ts";
import { Refresher } from "./refresher.ts";
import { TaskList } from "./task-list.ts";

export class App {
  /** Whether the server wants a token before it answers. */
  readonly needsToken = signal(false);
  readonly api = new Api(() => (this.needsToken.value = true));
  /** The tabs of the open rows, by key; a refresh leaves them so. */
  readonly #opened = signal<ReadonlyMap<string, Tab>>(new Map());
  readonly player = new Player();
  readonly audio = new Audio(this.api);
  readonly change = new Change(this.api, (asked, result) => this.#changed(asked, result));
  readonly reading = new Reading(() => this.#isBusy());
  readonly tasks: TaskList;
  readonly chosen: Chosen;
  readonly form: Form;
  readonly about: About;
  readonly refresher: Refresher;
  /** The key of the row whose log is followed; null for none. */
  readonly followed = signal<string | null>(null);
  readonly #now = signal(this.api.now());
  /** The announcement for a screen reader. The turn distinguishes it from an earlier one with the same text. */
  readonly announcement = signal({ text: "", turn: 0 });
  /** The last action; empty without one. */
  readonly confirmation = signal({ text: "", turn: 0 });
  /** Counts filters, also those that wait for the task that they name. */
  #turn = 0;

  /** @param place what the list shows first */
  constructor(
    readonly preferences: Preferences,
    { task, ...list }: Place,
  ) {
    const request = { ...list, pageSize: preferences.pageSize.value };
    this.tasks = new TaskList(this.api, () => this.reading.isReading(), this.tabOf, request, task);
    this.chosen = new Chosen(this.tasks);
    const applied = computed(() => this.tasks.request.value.filter);
    this.form = new Form(applied, this.filter);
    const userId = computed(() => applied.value.users[0] ?? "");
    this.about = new About(this.api, userId, preferences.span);
    this.tasks.request.subscribe(() => this.change.leave());
    if (task !== null) this.#open(task);
    this.refresher = new Refresher(
      (isRung) => this.#refresh(isRung),
      (rung, signal) => orFailure(this.api.listen(rung, signal)),
      computed(() => (this.needsToken.value ? 0 : preferences.refreshSeconds.value)),
    );
  }

  get text(): Messages {
    return messagesIn(this.preferences.language.value);
  }

  /** The language, for the formats of times. */
  get language(): string {
    return TAGS[this.preferences.language.value];
  }

  /** The service's clock; null before the server was asked for its zone. */
  get clock(): ServiceClock | null {
    return this.about.clock.value;
  }

  /** Epoch seconds by the server's clock, from time to time. */
  get now(): number {
    return this.#now.value;
  }

  readonly announce = (text: string): void => {
    this.announcement.value = { text, turn: this.announcement.value.turn + 1 };
  };

  /** Announces what was done, and shows it for a moment. */
  readonly confirm = (text: string): void => {
    this.announce(text);
    this.confirmation.value = this.announcement.value;
  };

  /** Asks for everything for the first time, and then again and again. */
  async begin(): Promise<void> {
    this.refresher.start();
    await Promise.all([this.about.begin(), this.tasks.begin()]);
  }

  /** Applies a filter, and announces what it found. */
  readonly filter = async (filter: Filter, task: NamedTask | null = null): Promise<void> => {
    this.#turn++;
    await this.tasks.apply(filter, task);
    const { request, view } = this.tasks;
    if (request.value.filter !== filter || view.value?.request !== request.value) return;
    this.announce(this.text.found(view.value.answer.body.total));
  };

  /** Opens the task that the text of a search names, as `id` or `user:id`, or searches for the text. */
  readonly find = async (typed: Filter): Promise<void> => {
    const { users, taskIds } = this.tasks.request.value.filter;
    // A task that was found before isn't a part of the next question.
    const isOld = taskIds.length > 0 && `${typed.users} ${typed.taskIds}` === `${users} ${taskIds}`;
    const filter = isOld ? { ...typed, users: [], taskIds: [] } : typed;
    const text = filter.search[0] ?? "";
    const turn = ++this.#turn;
    const task = /[\s,]/.test(text) || filter.taskIds.length > 0 ? null : await this.#named(text, filter.users);
    if (turn !== this.#turn) return; // another filter was applied
    if (task === null) return this.form.refine(filter);
    this.#open(task);
    await this.form.apply(filterOfTask(task), task);
  };

  async #named(text: string, users: readonly string[]): Promise<NamedTask | null> {
    const asked = users.length > 0 ? null : await orFailure(this.api.usersOf(text));
    const found = asked === null || asked instanceof Failure ? users : asked.users;
    const task = { userId: found[0]!, taskId: text };
    if (found.length === 1 && (asked !== null || (await this.#exists(task)))) return task;
    const name = splitName(text);
    return name !== null && found.length === 0 && (await this.#exists(name)) ? name : null;
  }

  async #exists(task: TaskId): Promise<boolean> {
    const found = await this.tasks.find(task);
    return found !== undefined && !(found instanceof Failure);
  }

  /** Of a row, by its key; undefined while it is closed. */
  readonly tabOf = (key: string): Tab | undefined => this.#opened.value.get(key);

  /** Opens or closes a row. The address names the task that was opened last. */
  readonly toggle = (row: Row): void => {
    if (this.tasks.leaving.value) return; // the list is about to be another
    if (this.tabOf(row.key) === undefined) this.chooseTab(row, "record");
    else this.#leave(row.key);
  };

  /** Opens a tab of a row, which the address then names. */
  readonly chooseTab = ({ userId, taskId }: Row, tab: Tab): void => {
    batch(() => {
      this.#open({ userId, taskId, tab });
      void this.tasks.name({ userId, taskId, tab });
    });
  };

  #open(task: NamedTask): void {
    this.#opened.value = new Map(this.#opened.value).set(keyOf(task), task.tab ?? "record");
  }

  #close(key: string): void {
    this.#opened.value = new Map([...this.#opened.value].filter(([known]) => known !== key));
  }

  /** Closes a row. The address no longer names its task. */
  #leave(key: string): void {
    batch(() => {
      this.#close(key);
      if (this.tasks.namedKey.value === key) void this.tasks.name(null);
    });
  }

  /** Shows a place of the browser's history. Of the open rows only the one that the address named closes. */
  readonly visit = async ({ filter, page, task }: Place): Promise<void> => {
    this.#close(this.tasks.namedKey.value ?? "");
    if (task !== null) this.#open(task);
    const shown = this.tasks.request.value;
    const isSameList = JSON.stringify([filter, page]) === JSON.stringify([shown.filter, shown.page]);
    if (isSameList) await this.tasks.name(task);
    else await this.tasks.open({ filter, page }, task);
  };

  /** Lets ages grow between two refreshes. */
  tick(): void {
    this.#now.value = this.api.now();
  }

  /** Opens a session. @throws Failure if the server rejects the token */
  readonly login = async (token: string): Promise<void> => {
    await this.api.login(token);
    this.needsToken.value = false;
    await this.refreshNow();
    document.getElementById("tasks")?.focus();
  };

  /** Asks for everything now, and shows it whatever it moves. */
  readonly refreshNow = async (): Promise<void> => {
    await Promise.all([this.tasks.show(), this.about.refresh(true)]);
    this.tick();
  };

  /** @throws Failure if the server cannot be reached: the session then continues */
  readonly logout = async (): Promise<void> => {
    await this.api.logout();
    this.needsToken.value = true;
  };

  async #refresh(isRung: boolean): Promise<boolean> {
    const [isAsked] = await Promise.all([this.tasks.refresh(isRung), this.about.refresh()]);
    this.tick();
    return isAsked;
  }

  #isBusy(): boolean {
    const rows = this.tasks.view.value?.rows ?? [];
    const isChoosing = this.change.asked.value !== null || this.chosen.choice.value.count > 0;
    return isChoosing || this.player.state.value === "playing" || rows.some(({ key }) => this.tabOf(key) !== undefined);
  }

  #changed({ act, choice }: Asked, result: ChangeResult | Failure): void {
    batch(() => {
      if (result instanceof Failure) return this.confirm(this.text.changeFailed);
      this.chosen.clear();
      for (const { key } of goneOf(choice.rows, result)) {
        this.#leave(key);
        this.tasks.forget(key);
        if (this.player.track.value?.row.key === key) this.player.close();
      }
      this.confirm(changeSaid(act, choice, result, this.text));
    });
    // The rows around a single task keep their places.
    void (choice.count === 1 ? this.refresher.now() : this.refreshNow());
  }
}
