import { TtsctlError } from "../../errors.ts";
import type { TimeReader } from "../../task/time.ts";
import type { TaskId } from "../task-source.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import type { GuardedRemoval, Outcome } from "./copies.ts";
import type { RedisCopy } from "./copy.ts";
import { type Layout, stateNames } from "./layout.ts";
import { SLOT_SCRIPTS } from "./scripts.ts";
import { placesOf, type SlottedIndexes, scoresOfHash, unlessFatal } from "./slotted-indexes.ts";
import type { SlottedLookups } from "./slotted-lookups.ts";

/** Members of a task without a hash: in each index it goes if its score is not above the limit. */
interface Dangling {
  readonly id: TaskId;
  readonly limits: readonly [number, number];
}

/**
 * Guarded removals in a cluster (SPEC section 10): the hash if it still is as it was decided on, then its members and its
 * lookup. A kill in between leaves those dangling.
 *
 * Members go if their score is none above what was decided on: the scores that were seen, and the time of the hash. A
 * service that writes the task anew meanwhile (hash, index, index, lookup) gives it a later time as a rule, but it may be
 * the same second, or below a score that was too high; and a writer of ours puts its members in before its hash. So the
 * hash is looked at again in the end: whoever wrote one before that has members and lookup put back, and what is written
 * after it stays as it is. A member without a hash is looked at once more before it goes, both scores and then the hash.
 */
export class SlottedRemoval {
  readonly #commands: RedisCommands;
  readonly #layout: Layout;
  readonly #indexes: SlottedIndexes;
  readonly #lookups: SlottedLookups;
  readonly #times: TimeReader;

  constructor(
    commands: RedisCommands,
    layout: Layout,
    parts: { indexes: SlottedIndexes; lookups: SlottedLookups; times: TimeReader },
  ) {
    this.#commands = commands;
    this.#layout = layout;
    this.#indexes = parts.indexes;
    this.#lookups = parts.lookups;
    this.#times = parts.times;
  }

  async run(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    const scores = await this.#indexes.scores(removals.flatMap(({ id }) => placesOf(this.#layout, id)));
    const outcomes = removals.map(({ copy }, i): Outcome<boolean> | undefined => {
      const [score, userScore] = [scores[i * 2]!, scores[i * 2 + 1]!];
      if (score instanceof TtsctlError) return score;
      if (userScore instanceof TtsctlError) return userScore;
      if (copy.type === "hash") return undefined;
      return score === copy.indexScore && userScore === copy.userScore ? undefined : false;
    });
    const due = (hasHash: boolean) =>
      removals.flatMap(({ copy }, i) => (outcomes[i] === undefined && (copy.type === "hash") === hasHash ? [i] : []));
    await Promise.all([
      this.#settle(due(true), outcomes, (at) => this.#removeTasks(at.map((i) => removals[i]!))),
      this.#settle(due(false), outcomes, (at) => this.#removeMembers(at.map((i) => removals[i]!))),
    ]);
    return outcomes.map((outcome) => outcome!);
  }

  async #settle(
    at: readonly number[],
    outcomes: (Outcome<boolean> | undefined)[],
    work: (at: readonly number[]) => Promise<Outcome<boolean>[]>,
  ): Promise<void> {
    if (at.length === 0) return;
    const done = await work(at);
    at.forEach((place, i) => {
      outcomes[place] = done[i]!;
    });
  }

  async #removeTasks(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    const names = stateNames(this.#layout);
    const runs = removals.map(({ id, copy }) => ({
      keys: [this.#keyOf(id)],
      args: names.flatMap((name) => [name, copy.fields[name] ?? ""]),
    }));
    const replies = (await this.#commands.scripts(SLOT_SCRIPTS.remove, runs)).map(unlessFatal);
    const gone = removals.filter((_, i) => replies[i] === 1);
    await this.#clear(gone.map(({ id, copy }) => ({ id, limits: this.#limitsOf(copy) })));
    return replies.map((reply) => (reply instanceof TtsctlError ? reply : reply === 1));
  }

  /** What was decided on is the time of the hash, and what was seen of its scores. */
  #limitsOf({ fields, indexScore, userScore }: RedisCopy): [number, number] {
    const time = this.#times.ofHash(fields.updated_at ?? "");
    const least = Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
    return [Math.max(limitOf(indexScore), least), Math.max(limitOf(userScore), least)];
  }

  #removeMembers(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    return this.dropMembers(
      removals.map(({ id, copy }) => ({ id, limits: [limitOf(copy.indexScore), limitOf(copy.userScore)] })),
    );
  }

  /** Removes members of tasks that have no hash; false where there is one, or a score is above the limit. */
  async dropMembers(tasks: readonly Dangling[]): Promise<Outcome<boolean>[]> {
    if (tasks.length === 0) return [];
    const before = await this.#ask(tasks, "EXISTS");
    const due = tasks.filter((_, i) => before[i] === 0);
    const cleared = await this.#clear(due);
    const outcomes = new Map(due.map((task, i) => [task, cleared[i]!]));
    return tasks.map((task, i) => {
      const found = before[i]!;
      return found instanceof TtsctlError ? found : (outcomes.get(task) ?? false);
    });
  }

  /** Removes members and lookups; false where a score is above the limit, or a hash came, and what it needs was put back. */
  async #clear(tasks: readonly Dangling[]): Promise<Outcome<boolean>[]> {
    if (tasks.length === 0) return [];
    const dropped = await this.#drop(tasks);
    await this.#lookups.release(tasks.flatMap(({ id }, i) => (dropped[i] === true ? [id] : [])));
    const came = await this.#putBack(tasks);
    return dropped.map((outcome, i) => (came[i] ? false : outcome));
  }

  /** Those that have a hash by now get members, with its time, and lookup again. True for each. */
  async #putBack(tasks: readonly Dangling[]): Promise<boolean[]> {
    const scores = (await this.#ask(tasks, "HMGET", "updated_at", "created_at")).map((reply) =>
      scoresOfHash(reply, this.#layout, this.#times),
    );
    const back = tasks.flatMap(({ id }, i) => {
      const both = scores[i]!;
      return Number.isNaN(both[0]) ? [] : [{ ...id, score: both[0], both }];
    });
    if (back.length > 0) {
      await this.#indexes.raise(
        back.flatMap((task) => placesOf(this.#layout, task).map((place, i) => ({ ...place, score: task.both[i]! }))),
      );
      await this.#lookups.set(back);
    }
    return scores.map(([time]) => !Number.isNaN(time));
  }

  async #drop(tasks: readonly Dangling[]): Promise<Outcome<boolean>[]> {
    const places = tasks.flatMap(({ id, limits }) =>
      placesOf(this.#layout, id).map((place, i) => ({ ...place, limit: limits[i]! })),
    );
    const dropped = await this.#indexes.drop(places);
    return tasks.map((_, i) => {
      const both = dropped.slice(i * 2, i * 2 + 2);
      return both.find((outcome) => outcome instanceof TtsctlError) ?? both.every((outcome) => outcome === true);
    });
  }

  /** One command about each task's hash. */
  async #ask(tasks: readonly Dangling[], name: string, ...args: string[]): Promise<Reply[]> {
    const replies = await this.#commands.pipeline(tasks.map(({ id }) => [name, this.#keyOf(id), ...args]));
    return replies.map(unlessFatal);
  }

  #keyOf({ userId, taskId }: TaskId): string {
    return this.#layout.taskKey(userId, taskId);
  }
}

/** The highest score that a member may have to go, from one that was seen; without one none may. */
function limitOf(score: string | null): number {
  if (score === null) return Number.NEGATIVE_INFINITY;
  return score === "inf" ? Number.POSITIVE_INFINITY : Number(score);
}
