import { STATUS_CODES } from "../../store/file/rows.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import { barAt, boundsOf } from "../../task/spans.ts";
import { type StuckRule, StuckTasks } from "../../task/stuck.ts";
import { formatUtc, type Zone } from "../../task/time.ts";
import type { TaskList } from "./task-list.ts";
import type { Bar, DiskBytes, NamedTask, StatusCounts } from "./types.ts";

const WAIT = STATUS_CODES.indexOf("wait");
const HOUR = 3600;

/** The oldest task of each group, in seconds. */
const AGES = [HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR, Number.POSITIVE_INFINITY];

const MOST_USERS = 10_000;

export interface TallyRule extends StuckRule {
  /** Hours and days are those of its wall clock. */
  readonly zone: Zone;
}

const NO_COUNTS: StatusCounts = { total: 0, wait: 0, run: 0, done: 0, error: 0, other: 0 };

/** Counts by status, in as many groups as are used. */
class Groups {
  readonly #counts: { -readonly [Name in keyof StatusCounts]: number }[] = [];

  add(group: number, status: number): void {
    this.#counts[group] ??= { ...NO_COUNTS };
    this.#counts[group].total++;
    this.#counts[group][STATUS_CODES[status]!]++;
  }

  counts(group: number): StatusCounts {
    return this.#counts[group] ?? NO_COUNTS;
  }
}

export class Tally {
  readonly users = new KeyTable();
  readonly #stuck: StuckTasks;
  #oldest: number | null = null;
  #newest: number | null = null;
  #oldestWaiting: number | null = null;
  readonly #all = new Groups();
  readonly #ofUser = new Groups();
  readonly #ages = new Groups();
  readonly #charts;
  readonly #lastChange: number[] = [];

  constructor(
    readonly tasks: TaskList,
    private readonly rule: TallyRule,
  ) {
    this.#stuck = new StuckTasks(rule);
    this.#charts = (["24h", "7d", "30d"] as const).map((span) => {
      return { bounds: boundsOf(span, rule.now, rule.zone), bars: new Groups() };
    });
    for (const key of tasks.tasks()) this.#add(key, tasks.status(key), tasks.score(key));
  }

  /** @param diskOf the bytes of a user, by its number in `users`; undefined if the disk wasn't read */
  describe(diskOf: ((user: number) => DiskBytes) | undefined) {
    const { total, ...byStatus } = this.#all.counts(0);
    const { count, named } = this.#stuck;
    const totals = Array.from({ length: this.users.size }, (_, user) => this.#ofUser.counts(user).total);
    const users = [...totals.keys()].sort((a, b) => totals[b]! - totals[a]! || this.users.compare(a, b));
    const [hours, per6Hours, perDay] = this.#charts.map(({ bounds, bars }) =>
      bounds.slice(1).map((until, i): Bar => {
        return { from: formatUtc(bounds[i]!), until: formatUtc(until), ...bars.counts(i) };
      }),
    );
    return {
      total,
      byStatus,
      users: this.users.size,
      /** Those with the most tasks first; of equals by the bytes of their ids. */
      byUser: users.slice(0, MOST_USERS).map((user) => ({
        user_id: this.users.userId(user),
        ...this.#ofUser.counts(user),
        lastChange: formatUtc(this.#lastChange[user]!),
        disk: diskOf?.(user) ?? null,
      })),
      oldest: this.#taskAt(this.#oldest),
      newest: this.#taskAt(this.#newest),
      /** Of those in `wait`, the one that was changed longest ago. */
      oldestWaiting: this.#taskAt(this.#oldestWaiting),
      /** By the time since the last change, at most `upTo` seconds. */
      ages: AGES.map((age, i) => ({ upTo: Number.isFinite(age) ? age : null, ...this.#ages.counts(i) })),
      /** By the hour of the last change: the last 24. */
      perHour: hours!.map(({ until, ...hour }) => hour),
      per6Hours: per6Hours!,
      perDay: perDay!,
      stuck: {
        count,
        afterSeconds: this.rule.after,
        tasks: named.map((task) => this.#named(task, task.status, task.score)),
      },
    };
  }

  #taskAt(key: number | null): NamedTask | null {
    const { tasks } = this;
    return key === null ? null : this.#named(tasks.keys.id(key), STATUS_CODES[tasks.status(key)]!, tasks.score(key));
  }

  #named({ userId, taskId }: TaskId, status: string, score: number): NamedTask {
    const ageSeconds = Math.round(this.rule.now - score);
    return { user_id: userId, task_id: taskId, status, updated_at: formatUtc(score), ageSeconds };
  }

  #add(key: number, status: number, score: number): void {
    const { keys } = this.tasks;
    const known = this.users.size;
    const user = this.users.addUserOf(keys, key);
    this.#all.add(0, status);
    this.#ofUser.add(user, status);
    if (user === known || score > this.#lastChange[user]!) this.#lastChange[user] = score;
    this.#ages.add(
      AGES.findIndex((upTo) => this.rule.now - score <= upTo),
      status,
    );
    for (const { bounds, bars } of this.#charts) {
      const bar = barAt(bounds, score);
      if (bar >= 0) bars.add(bar, status);
    }
    this.#oldest = this.#older(key, this.#oldest);
    if (this.#newest === null || this.#isBefore(this.#newest, key)) this.#newest = key;
    if (status === WAIT) this.#oldestWaiting = this.#older(key, this.#oldestWaiting);
    this.#stuck.look(STATUS_CODES[status]!, score, () => keys.id(key));
  }

  #older(key: number, other: number | null): number {
    return other === null || this.#isBefore(key, other) ? key : other;
  }

  /** The order of docs/contract.md, Reading, the oldest first. */
  #isBefore(a: number, b: number): boolean {
    const { keys } = this.tasks;
    const apart = this.tasks.score(a) - this.tasks.score(b);
    return apart < 0 || (apart === 0 && keys.compare(a, b) < 0);
  }
}
