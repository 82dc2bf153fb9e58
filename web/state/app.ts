import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import { Api } from "../api/api.ts";
import { messagesIn } from "../i18n/language.ts";
import type { Filter, NamedTask, Place } from "../model/filter.ts";
import { keyOf, type Row } from "../model/row.ts";
import { About } from "./about.ts";
import { AudioFinder } from "./audio-finder.ts";
import { Deletion } from "./deletion.ts";
import { Opened } from "./opened.ts";
import { Overview } from "./overview.ts";
import { Player } from "./player.ts";
import type { Preferences } from "./preferences.ts";
import { Reading } from "./reading.ts";
import { Refresher } from "./refresher.ts";
import { TaskList } from "./task-list.ts";

/** An announcement. The turn distinguishes it from an earlier one with the same text. */
interface Said {
  readonly text: string;
  readonly turn: number;
}

/** The parts of the page, wired together. */
export class App {
  readonly preferences: Preferences;
  /** Whether the server wants a token before it answers. */
  readonly needsToken = signal(false);
  readonly api = new Api(() => {
    this.needsToken.value = true;
  });
  readonly about = new About(this.api);
  readonly opened = new Opened();
  /** The rows whose log is shown instead of the record. */
  readonly logs = new Opened();
  readonly player = new Player();
  readonly audioFinder = new AudioFinder(this.api);
  readonly deletion = new Deletion(this.api, (row, wasThere) => this.#deleted(row, wasThere));
  readonly reading = new Reading(() => this.#isBusy());
  readonly tasks: TaskList;
  readonly overview: Overview;
  readonly refresher: Refresher;
  /** The key of the row whose log is followed; null for none. */
  readonly followed = signal<string | null>(null);
  readonly #now = signal(this.api.now());
  readonly #announcement = signal<Said>({ text: "", turn: 0 });
  readonly #confirmation = signal<Said>({ text: "", turn: 0 });

  /** Epoch seconds by the server's clock, from time to time. */
  readonly now: ReadonlySignal<number> = this.#now;
  /** The announcement for a screen reader. */
  readonly announcement: ReadonlySignal<Said> = this.#announcement;
  /** The last action; empty without one. */
  readonly confirmation: ReadonlySignal<Said> = this.#confirmation;

  /** @param place what the list shows first */
  constructor(preferences: Preferences, place: Place) {
    this.preferences = preferences;
    const isReading = () => this.reading.isReading();
    const isOpen = (key: string) => this.opened.has(key);
    const { task, ...list } = place;
    const request = { ...list, pageSize: preferences.pageSize.value };
    this.tasks = new TaskList({ api: this.api, isReading, isOpen }, request, task);
    if (task !== null) this.#openNamed(task);
    const userId = computed(() => this.tasks.request.value.filter.users[0] ?? "");
    this.overview = new Overview(this.api, userId);
    this.refresher = new Refresher(() => this.#refresh(), preferences.refreshSeconds);
  }

  readonly announce = (text: string): void => {
    this.#announcement.value = { text, turn: this.#announcement.value.turn + 1 };
  };

  /** Announces what was done, and shows it for a moment. */
  readonly confirm = (text: string): void => {
    this.announce(text);
    this.#confirmation.value = this.#announcement.value;
  };

  /** Asks for everything for the first time, and then again and again. */
  async begin(): Promise<void> {
    // The hours of the chart are those of the zone that the server names.
    const overview = this.about.refresh().then(() => this.overview.start());
    this.refresher.start();
    await this.tasks.begin();
    await overview;
  }

  /** Applies a filter, and announces what it found. */
  readonly filter = async (filter: Filter): Promise<void> => {
    await this.tasks.apply(filter);
    const { request, view } = this.tasks;
    if (request.value.filter !== filter || view.value?.request !== request.value) return;
    this.announce(messagesIn(this.preferences.language.value).found(view.value.answer.page.total));
  };

  /** Opens or closes a row. The address names the task that was opened last. */
  readonly toggle = ({ key, userId, taskId }: Row): void => {
    batch(() => {
      this.opened.toggle(key);
      this.logs.close(key);
      if (this.opened.has(key)) void this.tasks.name({ userId, taskId });
      else if (this.#isNamed(key)) void this.tasks.name(null);
    });
  };

  /** Chooses a tab of an open row, which the address then names. */
  readonly chooseTab = ({ key, userId, taskId }: Row, tab: NamedTask["tab"]): void => {
    batch(() => {
      if (tab === "log") this.logs.open(key);
      else this.logs.close(key);
      void this.tasks.name({ userId, taskId, tab });
    });
  };

  /** Shows a place of the browser's history. Of the open rows only the one that the address named closes. */
  readonly visit = async (place: Place): Promise<void> => {
    const { request, task } = this.tasks;
    if (task.value !== null) this.#close(keyOf(task.value.userId, task.value.taskId));
    if (place.task !== null) this.#openNamed(place.task);
    const { filter, page } = request.value;
    const isSameList = JSON.stringify([filter, page]) === JSON.stringify([place.filter, place.page]);
    if (isSameList) await this.tasks.name(place.task);
    else await this.tasks.open(place, this.preferences.pageSize.value);
  };

  #openNamed({ userId, taskId, tab }: NamedTask): void {
    this.opened.open(keyOf(userId, taskId));
    if (tab === "log") this.logs.open(keyOf(userId, taskId));
  }

  #close(key: string): void {
    this.opened.close(key);
    this.logs.close(key);
  }

  #isNamed(key: string): boolean {
    const task = this.tasks.task.value;
    return task !== null && keyOf(task.userId, task.taskId) === key;
  }

  /** Lets ages grow between two refreshes. */
  tick(): void {
    this.#now.value = this.api.now();
  }

  /** Opens a session. @throws Failure if the server rejects the token */
  readonly login = async (token: string): Promise<void> => {
    await this.api.login(token);
    this.needsToken.value = false;
    await this.refreshNow();
  };

  /** Asks for everything now, and shows it whatever it moves. */
  readonly refreshNow = async (): Promise<void> => {
    await Promise.all([this.tasks.show(), this.about.refresh(), this.overview.refresh()]);
    this.tick();
  };

  /** @throws Failure if the server cannot be reached: the session then continues */
  readonly logout = async (): Promise<void> => {
    await this.api.logout();
    this.needsToken.value = true;
  };

  async #refresh(): Promise<void> {
    if (this.needsToken.value) return;
    await Promise.all([this.tasks.refresh(), this.about.refresh(), this.overview.refresh()]);
    this.tick();
  }

  #isBusy(): boolean {
    const rows = this.tasks.view.value?.rows ?? [];
    const isAsked = this.deletion.asked.value !== null;
    return isAsked || this.player.playing.value || rows.some(({ key }) => this.opened.has(key));
  }

  #deleted({ key, taskId }: Row, wasThere: boolean): void {
    const text = messagesIn(this.preferences.language.value);
    batch(() => {
      this.#close(key);
      if (this.#isNamed(key)) void this.tasks.name(null);
      this.tasks.forget(key);
      this.confirm(wasThere ? text.deleted(taskId) : text.alreadyGone(taskId));
    });
    if (this.player.track.value?.taskKey === key) this.player.close();
    void this.refresher.now();
  }
}
