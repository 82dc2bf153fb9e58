import { TtsctlError } from "../../errors.ts";
import { type LookupState, userScoreDue } from "../layout/copy.ts";
import { INDEX_KEY } from "../layout/keys.ts";
import type { CopyReading, Layout } from "../layout/layout.ts";
import type { TaskId } from "../task-source.ts";
import type { Command, RedisCommands, Reply, Script, ScriptRun } from "./commands.ts";
import type { Outcome } from "./copies.ts";
import { unlessFatal } from "./errors.ts";
import { SLOT_SCRIPTS } from "./scripts.ts";

/** In the global index and in the user's, in this order. */
export type Both<T> = readonly [T, T];

/** A task and a number for each of its index members: its scores, or the highest scores that a removal takes. */
export interface Scored extends TaskId {
  readonly scores: Both<number>;
}

type Arguments = readonly (string | number)[];

/** How often a lookup that another process changes is read again. */
const MOST_ROUNDS = 8;

/**
 * The keys of tasks in a cluster, each in its own slot. A method sends one command or script for each key, to all nodes at
 * once. An error of one key is the outcome of its tasks; an error that every command would get is thrown.
 */
export class SlottedKeys {
  readonly #commands: RedisCommands;
  readonly #layout: Layout;
  readonly #reading: CopyReading;

  constructor(commands: RedisCommands, reading: CopyReading) {
    this.#commands = commands;
    this.#layout = reading.layout;
    this.#reading = reading;
  }

  async onHashes(script: Script, ids: readonly TaskId[], argsOf: (i: number) => Arguments): Promise<readonly Reply[]> {
    const keys = ids.map(({ userId, taskId }) => this.#layout.taskKey(userId, taskId));
    return this.#run(
      script,
      keys.map((key, i) => ({ keys: [key], args: argsOf(i) })),
    );
  }

  /** The scores that fit the hash of each task; undefined without an `updated_at`, NaN if that is invalid. */
  async hashScores(ids: readonly TaskId[]): Promise<(Both<number> | undefined)[]> {
    const { layout, parser } = this.#reading;
    const replies = await this.#ask(
      ids.map(({ userId, taskId }) => ["HMGET", layout.taskKey(userId, taskId), "updated_at", "created_at"]),
    );
    return replies.map((reply) => {
      const [updated = null, created = null] = Array.isArray(reply) ? (reply as (string | null)[]) : [""];
      if (updated === null) return undefined;
      const fields = { updated_at: updated, created_at: created };
      return [parser.times.ofHash(updated), userScoreDue({ fields }, this.#reading)];
    });
  }

  /** Scores as Redis writes them; null without a member. */
  scores(ids: readonly TaskId[]): Promise<Both<Outcome<string | null>>[]> {
    return this.#onIndexes(
      ids,
      ["ZMSCORE"],
      (_, member) => [member],
      (reply, at) => (reply as (string | null)[])[at]!,
    );
  }

  /** Gives the members at least these scores. */
  raise(tasks: readonly Scored[]): Promise<Both<Outcome<true>>[]> {
    const args = (i: number, member: string, half: number) => [tasks[i]!.scores[half]!, member];
    return this.#onIndexes(tasks, ["ZADD", "GT"], args, () => true);
  }

  /** Sets scores that are unchanged. @param tasks from: null for no member */
  async move(tasks: readonly (Scored & { readonly from: Both<string | number | null> })[]): Promise<void> {
    const args = (i: number, member: string, half: number) => {
      const { from, scores } = tasks[i]!;
      return [member, from[half] ?? "", scores[half]!];
    };
    await this.#onIndexes(tasks, SLOT_SCRIPTS.moveMembers, args, () => true);
  }

  /** Removes members with at most these scores: true if neither is in its index now. */
  async drop(tasks: readonly Scored[]): Promise<Outcome<boolean>[]> {
    const args = (i: number, member: string, half: number) => [member, tasks[i]!.scores[half]!];
    const dropped = await this.#onIndexes(tasks, SLOT_SCRIPTS.dropMembers, args, (reply, at) => {
      return (reply as number[])[at] === 1;
    });
    return dropped.map((both) => errorIn(both) ?? both.every((isGone) => isGone === true));
  }

  /** The value of each lookup; null if it doesn't exist, or the layout has none. */
  async held(ids: readonly TaskId[]): Promise<readonly Reply[]> {
    const { lookup } = this.#layout;
    if (lookup === undefined) return ids.map(() => null);
    return this.#ask(ids.map(({ taskId }) => ["GET", lookup.key(taskId)]));
  }

  /** The value of each lookup, and what that means for the task. */
  async lookups(tasks: readonly Scored[]): Promise<Outcome<{ holds: string; says: LookupState | null }>[]> {
    const { lookup } = this.#layout;
    if (lookup === undefined) return tasks.map(() => ({ holds: "", says: null }));
    const held = await this.held(tasks);
    const others = tasks.map(({ userId, taskId }, i) => {
      const isOther = typeof held[i] === "string" && held[i] !== lookup.value(userId);
      return isOther ? `${held[i]}:${this.#layout.userMember(taskId)}` : null;
    });
    const asked = others.filter((member) => member !== null);
    const scores = await this.#ask(asked.map((member) => ["ZMSCORE", INDEX_KEY, member]));
    return tasks.map((task, i) => {
      const holds = held[i]!;
      if (holds instanceof TtsctlError) return holds;
      if (typeof holds !== "string") return { holds: "", says: "wrong" };
      const other = others[i]!;
      if (other === null) return { holds, says: "own" };
      const theirs = scores[asked.indexOf(other)]!;
      if (theirs instanceof TtsctlError) return theirs;
      const [text] = theirs as (string | null)[];
      const isNewer = text != null && isAfter([Number(text), other], this.#place(task));
      return { holds, says: isNewer ? "other" : "wrong" };
    });
  }

  /**
   * Has each lookup name its task's user, unless it names the user of a newer task with that id. A lookup that another
   * process changes is read again. Returns the errors of lookups that could not be set.
   */
  async setLookups(tasks: readonly Scored[]): Promise<Map<Scored, TtsctlError>> {
    const errors = new Map<Scored, TtsctlError>();
    const { lookup } = this.#layout;
    if (lookup === undefined) return errors;
    // The newest first: then the others of its id have nothing to set.
    let due = [...tasks].sort((a, b) => (isAfter(this.#place(a), this.#place(b)) ? -1 : 1));
    for (let round = 0; due.length > 0 && round < MOST_ROUNDS; round++) {
      const states = await this.lookups(due);
      const wrong = due.flatMap((task, i) => {
        const state = states[i]!;
        if (state instanceof TtsctlError) errors.set(task, state);
        return state instanceof TtsctlError || state.says !== "wrong" ? [] : [{ task, holds: state.holds }];
      });
      const replies = await this.#run(
        SLOT_SCRIPTS.setLookup,
        wrong.map(({ task: { userId, taskId }, holds }) => ({
          keys: [lookup.key(taskId)],
          args: [holds, lookup.value(userId)],
        })),
      );
      for (const [i, reply] of replies.entries()) if (reply instanceof TtsctlError) errors.set(wrong[i]!.task, reply);
      due = wrong.flatMap(({ task }, i) => (replies[i] === 0 ? [task] : []));
    }
    return errors;
  }

  /** Removes the lookups that name these tasks' users; a key of the wrong type doesn't count. */
  async dropLookups(ids: readonly TaskId[]): Promise<void> {
    const { lookup } = this.#layout;
    if (lookup === undefined) return;
    const runs = ids.map(({ userId, taskId }) => ({ keys: [lookup.key(taskId)], args: [lookup.value(userId), ""] }));
    await this.#run(SLOT_SCRIPTS.setLookup, runs);
  }

  /**
   * One command or script for each index, about all members in it.
   * @param work a script, or the words of a command: the key comes after the first
   */
  async #onIndexes<T>(
    ids: readonly TaskId[],
    work: Script | readonly [string, ...string[]],
    argsOf: (i: number, member: string, half: number) => Arguments,
    read: (reply: Reply, at: number) => T,
  ): Promise<[Outcome<T>, Outcome<T>][]> {
    const byIndex = new Map<string, { task: number; half: number; args: Arguments }[]>();
    ids.forEach((id, task) => {
      const places = [
        [INDEX_KEY, this.#member(id)],
        [this.#layout.indexKey(id.userId), this.#layout.userMember(id.taskId)],
      ] as const;
      places.forEach(([key, member], half) => {
        const members = byIndex.get(key) ?? [];
        members.push({ task, half, args: argsOf(task, member, half) });
        byIndex.set(key, members);
      });
    });
    const runs = [...byIndex].map(([key, members]) => ({ keys: [key], args: members.flatMap(({ args }) => args) }));
    const replies =
      "source" in work
        ? await this.#run(work, runs)
        : await this.#ask(runs.map(({ keys, args }) => [work[0], keys[0]!, ...work.slice(1), ...args]));
    const outcomes = ids.map(() => [] as unknown as [Outcome<T>, Outcome<T>]);
    [...byIndex.values()].forEach((members, i) => {
      const reply = replies[i]!;
      members.forEach(({ task, half }, at) => {
        outcomes[task]![half] = reply instanceof TtsctlError ? reply : read(reply, at);
      });
    });
    return outcomes;
  }

  async #run(script: Script, runs: readonly ScriptRun[]): Promise<readonly Reply[]> {
    return unlessFatal(await this.#commands.scripts(script, runs));
  }

  async #ask(commands: readonly Command[]): Promise<readonly Reply[]> {
    return unlessFatal(await this.#commands.pipeline(commands));
  }

  #place(task: Scored): [number, string] {
    return [task.scores[0], this.#member(task)];
  }

  #member({ userId, taskId }: TaskId): string {
    return this.#layout.member(userId, taskId);
  }
}

export function errorIn(items: readonly unknown[]): TtsctlError | undefined {
  return items.find((item) => item instanceof TtsctlError);
}

/** Whether a score and its member come after others in the order of an index. */
function isAfter([score, member]: [number, string], [other, otherMember]: [number, string]): boolean {
  return score > other || (score === other && member > otherMember);
}
