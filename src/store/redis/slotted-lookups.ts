import { TtsctlError } from "../../errors.ts";
import type { TaskId } from "../task-source.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import type { Outcome } from "./copies.ts";
import { type LookupState, scoreOf } from "./copy.ts";
import { INDEX_KEY } from "./keys.ts";
import type { Layout, Lookup } from "./layout.ts";
import { SLOT_SCRIPTS } from "./scripts.ts";
import { unlessFatal } from "./slotted-indexes.ts";

/** How often a lookup that changes under our hands is looked at again. */
const MOST_ROUNDS = 8;

/** A task with the score that it has in the global index. */
export type Scored = TaskId & { readonly score: number };

/** A lookup as it stands, and what it says. */
interface State {
  readonly holds: string | null;
  readonly says: LookupState | null;
}

/**
 * The lookups of a cluster, each in a slot of its own: written after the hash, and removed if they still name the user. A
 * kill in between leaves one that leads nowhere, or none; a sync or a repair mends that. Does nothing in a layout without.
 */
export class SlottedLookups {
  readonly #commands: RedisCommands;
  readonly #layout: Layout;
  readonly #lookup: Lookup | undefined;

  constructor(commands: RedisCommands, layout: Layout) {
    this.#commands = commands;
    this.#layout = layout;
    this.#lookup = layout.lookup;
  }

  async says(tasks: readonly Scored[]): Promise<Outcome<LookupState | null>[]> {
    const states = await this.#states(tasks);
    return states.map((state) => (state instanceof TtsctlError ? state : state.says));
  }

  /** The error of each key that is no lookup, of the wrong type; null for the others. */
  async wrongTypes(ids: readonly TaskId[]): Promise<(TtsctlError | null)[]> {
    return (await this.#held(ids)).map((held) => (held instanceof TtsctlError ? held : null));
  }

  /** Whether each lookup names the task's user. */
  async names(ids: readonly TaskId[]): Promise<boolean[]> {
    const held = await this.#held(ids);
    return ids.map(({ userId }, i) => held[i] !== null && held[i] === this.#lookup?.value(userId));
  }

  /**
   * Leads to each task that has a hash, unless to a newer one of the same id. What somebody changes meanwhile is looked at
   * again. Returns the errors of lookups that could not be set, by task id.
   */
  async set(tasks: readonly Scored[]): Promise<Map<string, TtsctlError>> {
    const wrong = new Map<string, TtsctlError>();
    if (this.#lookup === undefined) return wrong;
    let due = this.#newestOfEach(tasks);
    for (let round = 0; due.length > 0 && round < MOST_ROUNDS; round++) {
      due = await this.#setRound(this.#lookup, due, wrong);
    }
    return wrong;
  }

  /** Returns those whose lookup changed since it was looked at. */
  async #setRound(lookup: Lookup, tasks: readonly Scored[], wrong: Map<string, TtsctlError>): Promise<Scored[]> {
    const states = await this.#states(tasks);
    const due = tasks.flatMap((task, i) => {
      const state = states[i]!;
      if (state instanceof TtsctlError) wrong.set(task.taskId, state);
      return state instanceof TtsctlError || state.says !== "wrong" ? [] : [{ task, holds: state.holds ?? "" }];
    });
    const runs = due.map(({ task, holds }) => ({
      keys: [lookup.key(task.taskId)],
      args: [holds, lookup.value(task.userId)],
    }));
    const replies = (await this.#commands.scripts(SLOT_SCRIPTS.setLookup, runs)).map(unlessFatal);
    return due.flatMap(({ task }, i) => {
      const reply = replies[i]!;
      if (reply instanceof TtsctlError) wrong.set(task.taskId, reply);
      return reply === 0 ? [task] : [];
    });
  }

  #newestOfEach(tasks: readonly Scored[]): Scored[] {
    const newest = new Map<string, Scored>();
    for (const task of tasks) {
      const other = newest.get(task.taskId);
      if (other === undefined || !isNewer(other.score, this.#member(other), task, this.#member(task))) {
        newest.set(task.taskId, task);
      }
    }
    return [...newest.values()];
  }

  /** Removes the lookups of tasks that were removed, where they name them. */
  async release(ids: readonly TaskId[]): Promise<void> {
    const lookup = this.#lookup;
    if (lookup === undefined) return;
    const runs = ids.map(({ userId, taskId }) => ({ keys: [lookup.key(taskId)], args: [lookup.value(userId)] }));
    for (const reply of await this.#commands.scripts(SLOT_SCRIPTS.dropLookup, runs)) {
      if (reply instanceof TtsctlError) throw reply;
    }
  }

  async #states(tasks: readonly Scored[]): Promise<Outcome<State>[]> {
    const held = await this.#held(tasks);
    const others = tasks.map((task, i) => this.#otherMember(task, held[i]!));
    const asked = others.filter((member) => member !== null);
    const scores = asked.length === 0 ? [] : await this.#scores(asked);
    const next = scores[Symbol.iterator]();
    return tasks.map((task, i) => {
      const holds = held[i]!;
      if (holds instanceof TtsctlError) return holds;
      if (this.#lookup === undefined) return { holds: null, says: null };
      if (typeof holds !== "string") return { holds: null, says: "wrong" };
      const other = others[i]!;
      if (other === null) return { holds, says: "own" };
      const theirs = next.next().value as Outcome<string | null>;
      if (theirs instanceof TtsctlError) return theirs;
      return { holds, says: isNewer(scoreOf(theirs), other, task, this.#member(task)) ? "other" : "wrong" };
    });
  }

  /** Of members of the global index; for each the error of one that is none. */
  async #scores(members: readonly string[]): Promise<Outcome<string | null>[]> {
    const [reply] = (await this.#commands.pipeline([["ZMSCORE", INDEX_KEY, ...members]])).map(unlessFatal);
    return members.map((_, i) => (reply instanceof TtsctlError ? reply : (reply as (string | null)[])[i]!));
  }

  /** What the lookups hold; an error for a key of the wrong type. */
  async #held(ids: readonly TaskId[]): Promise<Reply[]> {
    const lookup = this.#lookup;
    if (lookup === undefined || ids.length === 0) return ids.map(() => null);
    return (await this.#commands.pipeline(ids.map(({ taskId }) => ["GET", lookup.key(taskId)]))).map(unlessFatal);
  }

  /** The member of the task of that id that the lookup leads to, where it is another user's. */
  #otherMember({ userId, taskId }: TaskId, holds: Reply): string | null {
    if (this.#lookup === undefined || typeof holds !== "string" || holds === this.#lookup.value(userId)) return null;
    return `${holds}:${this.#layout.userMember(taskId)}`;
  }

  #member({ userId, taskId }: TaskId): string {
    return this.#layout.member(userId, taskId);
  }
}

function isNewer(theirs: number | null, other: string, { score }: Scored, member: string): boolean {
  return theirs !== null && (theirs > score || (theirs === score && other > member));
}
