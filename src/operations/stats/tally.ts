import { STATUS_CODES } from "../../store/file/rows.ts";
import { KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../task/ids.ts";
import { barAt, boundsOf } from "../../task/spans.ts";
import { type StuckRule, StuckTasks } from "../../task/stuck.ts";
import { formatUtc, type Zone } from "../../task/time.ts";
import type { DiskBytes } from "../disk-use.ts";
import type { TaskList } from "./task-list.ts";

const WAIT = STATUS_CODES.indexOf("wait");
const HOUR = 3600;

/** The oldest task of each group, in seconds. */
const AGES = [HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR, Number.POSITIVE_INFINITY];

const MOST_USERS = 10_000;

export interface TallyRule extends StuckRule {
  /** Hours and days are those of its wall clock. */
  readonly zone: Zone;
}

const NO_COUNTS = { total: 0, wait: 0, run: 0, done: 0, error: 0, other: 0 };

/** By shown status; `other` are words outside the table. */
export type StatusCounts = Readonly<typeof NO_COUNTS>;

/** Counts by status, in as many groups as are used. */
class Groups {
  readonly #counts: (typeof NO_COUNTS)[] = [];

  add(group: number, status: number): void {
    this.#counts[group] ??= { ...NO_COUNTS };
    this.#counts[group].total++;
    this.#counts[group][STATUS_CODES[status]!]++;
  }

  counts(group: number): StatusCounts {
    return this.#counts[group] ?? NO_COUNTS;
  }
}

export type Tally = ReturnType<typeof tallyOf>;

/** Counts tasks and their users. `describe` gets the bytes of a user, by its number in `users`, if the disk was read. */
export function tallyOf(tasks: TaskList, rule: TallyRule) {
  const { keys } = tasks;
  const users = new KeyTable();
  const [all, ofUser, ages] = [new Groups(), new Groups(), new Groups()];
  const stuck = new StuckTasks(rule);
  const charts = (["24h", "7d", "30d"] as const).map((span) => {
    return { bounds: boundsOf(span, rule.now, rule.zone), bars: new Groups() };
  });
  const lastChange: number[] = [];
  let [oldest, newest, oldestWaiting]: (number | undefined)[] = [];
  /** The first of two tasks in the order of docs/contract.md, Reading, the oldest first. */
  const older = (a: number, b = a) => {
    const apart = tasks.score(a) - tasks.score(b);
    return apart < 0 || (apart === 0 && keys.compare(a, b) < 0) ? a : b;
  };
  for (const key of tasks.tasks()) {
    const [status, score, known] = [tasks.status(key), tasks.score(key), users.size];
    const user = users.addUserOf(keys, key);
    all.add(0, status);
    ofUser.add(user, status);
    if (user === known || score > lastChange[user]!) lastChange[user] = score;
    const group = AGES.findIndex((upTo) => rule.now - score <= upTo);
    ages.add(group, status);
    for (const { bounds, bars } of charts) {
      const bar = barAt(bounds, score);
      if (bar >= 0) bars.add(bar, status);
    }
    oldest = older(key, oldest);
    if (newest === undefined || older(key, newest) === newest) newest = key;
    if (status === WAIT) oldestWaiting = older(key, oldestWaiting);
    stuck.look(STATUS_CODES[status]!, score, () => keys.id(key));
  }

  const named = ({ userId, taskId }: TaskId, status: string, score: number) => {
    const ageSeconds = Math.round(rule.now - score);
    return { user_id: userId, task_id: taskId, status, updated_at: formatUtc(score), ageSeconds };
  };
  const taskAt = (key: number | undefined) =>
    key === undefined ? null : named(keys.id(key), STATUS_CODES[tasks.status(key)]!, tasks.score(key));
  const describe = (diskOf: ((user: number) => DiskBytes) | undefined) => {
    const { total, ...byStatus } = all.counts(0);
    const totals = Array.from({ length: users.size }, (_, user) => ofUser.counts(user).total);
    const order = [...totals.keys()].sort((a, b) => totals[b]! - totals[a]! || users.compare(a, b));
    const [hours, per6Hours, perDay] = charts.map(({ bounds, bars }) =>
      bounds.slice(1).map((until, i) => {
        return { from: formatUtc(bounds[i]!), until: formatUtc(until), ...bars.counts(i) };
      }),
    );
    return {
      total,
      byStatus,
      users: users.size,
      /** Those with the most tasks first; of equals by the bytes of their ids. */
      byUser: order.slice(0, MOST_USERS).map((user) => ({
        user_id: users.userId(user),
        ...ofUser.counts(user),
        lastChange: formatUtc(lastChange[user]!),
        disk: diskOf?.(user) ?? null,
      })),
      oldest: taskAt(oldest),
      newest: taskAt(newest),
      /** Of those in `wait`, the one that was changed longest ago. */
      oldestWaiting: taskAt(oldestWaiting),
      /** By the time since the last change, at most `upTo` seconds. */
      ages: AGES.map((age, i) => ({ upTo: Number.isFinite(age) ? age : null, ...ages.counts(i) })),
      /** By the hour of the last change: the last 24. */
      perHour: hours!.map(({ until, ...hour }) => hour),
      per6Hours: per6Hours!,
      perDay: perDay!,
      stuck: {
        count: stuck.count,
        afterSeconds: rule.after,
        tasks: stuck.named.map((task) => named(task, task.status, task.score)),
      },
    };
  };
  return { tasks, users, describe };
}
