import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import { Api, type ChangeResult } from "../api/api.ts";
import { Failure } from "../api/failure.ts";
import { messagesIn } from "../i18n/language.ts";
import { type Filter, NO_FILTER, type Place } from "../model/filter.ts";
import { keyOf, type Row } from "../model/row.ts";
import { About } from "./about.ts";
import { AudioFinder } from "./audio-finder.ts";
import { type Asked, Change, changeSaid, goneOf } from "./change.ts";
import { Chosen } from "./chosen.ts";
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
  readonly player = new Player();
  readonly audioFinder = new AudioFinder(this.api);
  readonly change = new Change({ api: this.api, done: (asked, result) => this.#changed(asked, result) });
  readonly reading = new Reading(() => this.#isBusy());
  readonly tasks: TaskList;
  readonly chosen: Chosen;
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
    this.chosen = new Chosen(this.tasks);
    if (task !== null) this.opened.open(keyOf(task.userId, task.taskId));
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
    await this.tasks.show();
    // The server may refuse an address typed by hand; then show the whole list.
    if (this.tasks.rejected.value !== null) {
      await this.tasks.open(
        { filter: NO_FILTER, page: 1, task: this.tasks.task.value },
        this.preferences.pageSize.value,
      );
    }
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
      if (this.opened.has(key)) void this.tasks.name({ userId, taskId });
      else if (this.#isNamed(key)) void this.tasks.name(null);
    });
  };

  /** Shows a place of the browser's history. Of the open rows only the one that the address named closes. */
  readonly visit = async (place: Place): Promise<void> => {
    const { request, task } = this.tasks;
    if (task.value !== null) this.opened.close(keyOf(task.value.userId, task.value.taskId));
    if (place.task !== null) this.opened.open(keyOf(place.task.userId, place.task.taskId));
    const { filter, page } = request.value;
    const isSameList = JSON.stringify([filter, page]) === JSON.stringify([place.filter, place.page]);
    if (isSameList) await this.tasks.name(place.task);
    else await this.tasks.open(place, this.preferences.pageSize.value);
  };

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
    const isChoosing = this.change.asked.value !== null || this.chosen.choice.value.count > 0;
    return isChoosing || this.player.playing.value || rows.some(({ key }) => this.opened.has(key));
  }

  #changed({ act, choice }: Asked, result: ChangeResult | Failure): void {
    const text = messagesIn(this.preferences.language.value);
    batch(() => {
      if (result instanceof Failure) this.confirm(text.changeFailed);
      else {
        this.chosen.clear();
        for (const { key } of goneOf(choice.rows, result)) this.#forget(key);
        this.confirm(changeSaid(act, choice, result, text));
      }
    });
    // The rows around a single task keep their places.
    void (choice.count === 1 ? this.refresher.now() : this.refreshNow());
  }

  #forget(key: string): void {
    this.opened.close(key);
    if (this.#isNamed(key)) void this.tasks.name(null);
    this.tasks.forget(key);
    if (this.player.track.value?.taskKey === key) this.player.close();
  }
}
