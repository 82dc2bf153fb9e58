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

/** A task with the scores of its index members. */
export interface Scored extends TaskId {
  readonly scores: Both<number>;
}

type Arguments = readonly (string | number)[];

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

  /** The scores that fit each hash; null without a hash, undefined if it has no valid `updated_at` or is another type. */
  async fitting(ids: readonly TaskId[]): Promise<(Both<number> | null | undefined)[]> {
    const { parser } = this.#reading;
    const replies = await this.onHashes(SLOT_SCRIPTS.hash, ids, () => ["state", "updated_at", "created_at"]);
    return replies.map((reply) => {
      const [kind, updated = null, created = null] = Array.isArray(reply) ? (reply as (string | number | null)[]) : [];
      if (kind === 0) return null;
      const fields = { updated_at: updated as string | null, created_at: created as string | null };
      const score = kind === 1 ? parser.times.ofHash(fields.updated_at ?? "") : Number.NaN;
      return Number.isNaN(score) ? undefined : [score, userScoreDue({ fields }, this.#reading)];
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

  /** Sets members whose scores are still those that were read (null: none), or with null removes them. */
  async move(
    tasks: readonly (TaskId & { from: Both<Outcome<string | null>>; to: Both<number> | null })[],
  ): Promise<void> {
    await this.#onIndexes(
      tasks,
      SLOT_SCRIPTS.moveMembers,
      (i, member, half) => {
        const { from, to } = tasks[i]!;
        return [member, from[half] === null ? "" : String(from[half]), to === null ? "" : to[half]!];
      },
      () => true,
    );
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

  /** Sets lookups that still hold what was read, or removes them; returns the replies, 0 for one that changed. */
  setLookups(changes: readonly { id: TaskId; holds: string; isKept: boolean }[]): Promise<readonly Reply[]> {
    const { key, value } = this.#layout.lookup!;
    const runs = changes.map(({ id, holds, isKept }) => ({
      keys: [key(id.taskId)],
      args: [holds, isKept ? value(id.userId) : ""],
    }));
    return this.#run(SLOT_SCRIPTS.setLookup, runs);
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
