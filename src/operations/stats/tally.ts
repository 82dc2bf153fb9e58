import { STATUS_CODES } from "../../store/file/rows.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import { type StuckRule, StuckTasks } from "../../task/stuck.ts";
import type { TaskColumns } from "./columns.ts";
import type { StatusCounts } from "./types.ts";

const WIDTH = STATUS_CODES.length;
const HOUR = 3600;
const HOURS = 24;

/** Up to which age, in seconds, a task counts in a group; the last takes the rest. */
export const AGES = [HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR, Number.POSITIVE_INFINITY] as const;

/** How the tally looks at time. */
export interface TallyRule extends StuckRule {
  /** The zone's offset from UTC at `now`, seconds: hours are those of its wall clock. */
  readonly offset: number;
}

/** Counts by status, as many groups as are asked for. */
class Groups {
  readonly #counts = new Column(new Uint32Array(WIDTH << 6));

  add(group: number, status: number): void {
    this.#counts.add(group * WIDTH + status, 1);
  }

  total(group: number): number {
    return this.#of(group).reduce((sum, count) => sum + count, 0);
  }

  counts(group: number): StatusCounts {
    const [other = 0, wait = 0, run = 0, done = 0, error = 0] = this.#of(group);
    return { total: this.total(group), wait, run, done, error, other };
  }

  #of(group: number): number[] {
    return STATUS_CODES.map((_, status) => this.#counts.at(group * WIDTH + status));
  }
}

/** What one pass over the columns counts. Some 60 bytes a user, none a task. */
export class Tally {
  readonly columns: TaskColumns;
  readonly rule: TallyRule;
  readonly users = new KeyTable();
  readonly stuck: StuckTasks;
  /** Keys of the task that was changed longest ago, and last (of equals the last by its member); -1 for none. */
  oldest = { key: -1, score: Number.POSITIVE_INFINITY };
  newest = { key: -1, score: Number.NEGATIVE_INFINITY };
  readonly #all = new Groups();
  readonly #ofUser = new Groups();
  readonly #ages = new Groups();
  readonly #hours = new Groups();
  readonly #firstHour: number;
  readonly #lastChange = new Column(new Float64Array(1 << 6));

  constructor(columns: TaskColumns, rule: TallyRule) {
    this.columns = columns;
    this.rule = rule;
    this.stuck = new StuckTasks(rule);
    this.#firstHour = hourOf(rule.now, rule) - HOURS + 1;
    columns.each((key, status, score) => this.#add(key, status, score));
  }

  all(): StatusCounts {
    return this.#all.counts(0);
  }

  user(user: number): StatusCounts {
    return this.#ofUser.counts(user);
  }

  /** When a task of a user was changed last, epoch seconds. */
  lastChange(user: number): number {
    return this.#lastChange.at(user);
  }

  /** The users with the most tasks, at most `count`; as many, by the bytes of their ids. */
  topUsers(count: number): number[] {
    const users = Array.from({ length: this.users.size }, (_, user) => user);
    const totals = users.map((user) => this.#ofUser.total(user));
    users.sort((a, b) => totals[b]! - totals[a]! || this.users.compare(a, b));
    return users.slice(0, count);
  }

  ages(): (StatusCounts & { upTo: number | null })[] {
    return AGES.map((age, i) => ({ upTo: Number.isFinite(age) ? age : null, ...this.#ages.counts(i) }));
  }

  /** The last 24 hours of the wall clock, the one under way last; `from` in epoch seconds. */
  perHour(): (StatusCounts & { from: number })[] {
    return Array.from({ length: HOURS }, (_, i) => ({
      from: (this.#firstHour + i) * HOUR - this.rule.offset,
      ...this.#hours.counts(i),
    }));
  }

  #add(key: number, status: number, score: number): void {
    const { keys } = this.columns;
    const known = this.users.size;
    const user = this.users.addUserOf(keys, key);
    this.#all.add(0, status);
    this.#ofUser.add(user, status);
    this.#noteChange(user, score, user === known);
    const age = this.rule.now - score;
    this.#ages.add(
      AGES.findIndex((upTo) => age <= upTo),
      status,
    );
    const hour = hourOf(score, this.rule) - this.#firstHour;
    if (hour >= 0 && hour < HOURS) this.#hours.add(hour, status);
    if (this.#isBefore({ key, score }, this.oldest)) this.oldest = { key, score };
    if (this.newest.key < 0 || this.#isBefore(this.newest, { key, score })) this.newest = { key, score };
    this.stuck.look(STATUS_CODES[status]!, score, () => keys.id(key));
  }

  /** The order of SPEC section 4, the oldest first. */
  #isBefore(a: { key: number; score: number }, b: { key: number; score: number }): boolean {
    return b.key < 0 || a.score < b.score || (a.score === b.score && this.columns.keys.compare(a.key, b.key) < 0);
  }

  #noteChange(user: number, score: number, isNew: boolean): void {
    if (isNew || score > this.#lastChange.at(user)) this.#lastChange.set(user, score);
  }
}

/** The hour of the zone's wall clock, counted from 1970. */
function hourOf(epoch: number, { offset }: TallyRule): number {
  return Math.floor((epoch + offset) / HOUR);
}
