import { TtsctlError } from "../../errors.ts";
import { groupedBy } from "../../pool.ts";
import { keyOf } from "../../task/ids.ts";
import { type CopyView, copyOf, fieldsOf, type LookupState, type RedisCopy, userScoreDue } from "../layout/copy.ts";
import { INDEX_KEY } from "../layout/keys.ts";
import { type CopyReading, type Layout, stateNames } from "../layout/layout.ts";
import type { TaskId } from "../task-source.ts";
import type { Command, RedisCommands, Reply, Script } from "./commands.ts";
import { type GuardedRemoval, type MirrorCopies, type Outcome, scoresOf, type Upsert } from "./copies.ts";
import { unlessFatal } from "./errors.ts";
import { SLOT_SCRIPTS } from "./scripts.ts";

/** In the global index and in the user's, in this order. */
type Both<T> = readonly [T, T];

/** How often members that another process changes are read again. */
const MOST_ROUNDS = 8;

/**
 * Copies in a cluster (docs/contract.md, Deployments), where no script sees a hash and its index members together: they
 * are in different slots. Only the hash is guarded. The tasks of a batch take their steps side by side.
 *
 * A write checks the guard and the types of its keys, raises both scores to ours (`ZADD GT`), and writes the hash if its guard
 * still holds. A removal removes the hash if its guard holds. Then both make the members and the lookup fit the hash
 * (`#reindex`). A kill in between leaves a member without a hash, or a score that is too high. A service, without a lock,
 * writes the hash first and then the members, so a hash that is unchanged after the members were set shows that they fit.
 */
export class SlottedCopies implements MirrorCopies {
  readonly #reading: CopyReading;
  readonly #layout: Layout;
  readonly #questions: Questions;

  constructor(commands: RedisCommands, reading: CopyReading) {
    this.#reading = reading;
    this.#layout = reading.layout;
    this.#questions = new Questions(commands);
  }

  read(ids: readonly TaskId[], view: CopyView): Promise<Outcome<RedisCopy>[]> {
    const names = fieldsOf(view, this.#layout);
    return Promise.all(ids.map((id) => this.#read(id, view, names)));
  }

  upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    const taken = new Set<string>();
    const isRepeated = (name: string) => taken.size === taken.add(name).size;
    // A task that comes twice: the second write was decided on before the first was done.
    return Promise.all(upserts.map(async (upsert) => !isRepeated(keyOf(upsert.task)) && this.#upsert(upsert)));
  }

  remove(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    return Promise.all(removals.map((removal) => this.#remove(removal)));
  }

  async #read(id: TaskId, view: CopyView, names: readonly string[]): Promise<Outcome<RedisCopy>> {
    const [hash, scores] = await Promise.all([this.#onHash(SLOT_SCRIPTS.hash, id, view, ...names), this.#scores(id)]);
    const lookup = await this.#lookup(id, typeof scores[0] === "string" ? Number(scores[0]) : Number.NEGATIVE_INFINITY);
    if (hash instanceof TtsctlError) return hash;
    const says = lookup instanceof TtsctlError ? "wrong" : lookup.says;
    return copyOf(hash as Reply[], [...scores, says], names, view);
  }

  async #upsert(upsert: Upsert): Promise<Outcome<boolean>> {
    const { task, seen, seenStatus, indexOnly } = upsert;
    const { lookup, payloadRules } = this.#layout;
    const guard = [seen ?? "", seenStatus === undefined ? "" : `=${seenStatus}`, payloadRules ? "1" : ""];
    // A refused write leaves nothing behind.
    const [allowed, scores, held] = await Promise.all([
      this.#onHash(SLOT_SCRIPTS.write, task, ...guard, 1),
      this.#scores(task),
      lookup && this.#questions.ask(["GET"], lookup.key(task.taskId)),
    ]);
    const error = errorIn([...scores, allowed, held]);
    if (error !== undefined || allowed !== 1) return error ?? false;
    const outcome = indexOnly ? true : await this.#write(upsert, guard);
    const hasHash = await this.#reindex(task);
    return outcome === true && hasHash instanceof TtsctlError ? hasHash : outcome;
  }

  async #write(upsert: Upsert, guard: readonly string[]): Promise<Outcome<boolean>> {
    const { task, afresh } = upsert;
    const scores = scoresOf(upsert, this.#reading);
    const error = errorIn(await this.#onIndexes(task, ["ZADD", "GT"], (member, half) => [scores[half]!, member]));
    if (error !== undefined) return error;
    const values = this.#layout.valuesOf(task);
    const fields = this.#layout.fields.flatMap((name, at) => [name, values[at]!]);
    return flagOf(await this.#onHash(SLOT_SCRIPTS.write, task, ...guard, "", afresh ? 1 : 0, ...fields));
  }

  async #remove({ id, copy }: GuardedRemoval): Promise<Outcome<boolean>> {
    const scores = await this.#scores(id);
    const error = errorIn(scores);
    if (error !== undefined) return error;
    const hasHash = copy.type === "hash";
    if (!hasHash && (scores[0] !== copy.indexScore || scores[1] !== copy.userScore)) return false;
    const state = hasHash ? stateNames(this.#layout).flatMap((name) => [name, copy.fields[name] ?? ""]) : [];
    const outcome = flagOf(await this.#onHash(SLOT_SCRIPTS.remove, id, ...state));
    if (outcome !== true) return outcome;
    const found = await this.#reindex(id);
    return hasHash || found === false;
  }

  /**
   * Has members and lookup fit the hash, until a look finds nothing to change. Scores are read before the hash, so what a
   * service writes after that isn't overwritten. @returns whether the task has a hash
   */
  async #reindex(id: TaskId): Promise<Outcome<boolean>> {
    for (let round = 1; ; round++) {
      const scores = await this.#scores(id);
      const due = await this.#scoresDue(id);
      const lookup = await this.#lookup(id, due?.[0] ?? Number.NEGATIVE_INFINITY);
      const error = errorIn(scores);
      if (error !== undefined) return error;
      const isOut = due !== undefined && !isThere(scores, due);
      if (isOut) await this.#move(id, scores, due);
      if (lookup instanceof TtsctlError) return lookup;
      const isLost = due !== undefined && lookup.says === (due === null ? "own" : "wrong");
      if (isLost) {
        const { key, value } = this.#layout.lookup!;
        const next = due === null ? "" : value(id.userId);
        await this.#questions.ask(SLOT_SCRIPTS.setLookup, key(id.taskId), lookup.holds, next);
      }
      if (!(isOut || isLost) || round === MOST_ROUNDS) return due !== null;
    }
  }

  /** The scores that fit the hash; null without a hash, undefined if it has no valid `updated_at` or is another type. */
  async #scoresDue(id: TaskId): Promise<Both<number> | null | undefined> {
    const reply = await this.#onHash(SLOT_SCRIPTS.hash, id, "state", "updated_at", "created_at");
    const [kind, updated = null, created = null] = Array.isArray(reply) ? (reply as (string | number | null)[]) : [];
    if (kind === 0) return null;
    const fields = { updated_at: updated as string | null, created_at: created as string | null };
    const score = kind === 1 ? this.#reading.parser.times.ofHash(fields.updated_at ?? "") : Number.NaN;
    return Number.isNaN(score) ? undefined : [score, userScoreDue({ fields }, this.#reading)];
  }

  /** Sets members whose scores are still those that were read (null: none), or with null removes them. */
  #move(id: TaskId, from: Both<Reply>, to: Both<number> | null): Promise<Both<Reply>> {
    const argsOf = (member: string, half: number) => [member, String(from[half] ?? ""), to === null ? "" : to[half]!];
    return this.#onIndexes(id, SLOT_SCRIPTS.moveMembers, argsOf);
  }

  /** The value of a lookup, and what that means for the task with this score. */
  async #lookup(id: TaskId, score: number): Promise<Outcome<{ holds: string; says: LookupState | null }>> {
    const { lookup } = this.#layout;
    if (lookup === undefined) return { holds: "", says: null };
    const holds = await this.#questions.ask(["GET"], lookup.key(id.taskId));
    if (holds instanceof TtsctlError) return holds;
    if (typeof holds !== "string") return { holds: "", says: "wrong" };
    if (holds === lookup.value(id.userId)) return { holds, says: "own" };
    const [own, other] = [this.#layout.member(id.userId, id.taskId), `${holds}:${this.#layout.userMember(id.taskId)}`];
    const theirs = await this.#questions.ask(["ZMSCORE"], INDEX_KEY, other);
    if (theirs instanceof TtsctlError) return theirs;
    const isNewer = theirs !== null && (Number(theirs) > score || (Number(theirs) === score && other > own));
    return { holds, says: isNewer ? "other" : "wrong" };
  }

  #onHash(script: Script, { userId, taskId }: TaskId, ...args: Command): Promise<Reply> {
    return this.#questions.ask(script, this.#layout.taskKey(userId, taskId), ...args);
  }

  /** Scores as Redis writes them; null without a member. */
  #scores(id: TaskId): Promise<Both<Outcome<string | null>>> {
    return this.#onIndexes(id, ["ZMSCORE"], (member) => [member]) as Promise<Both<Outcome<string | null>>>;
  }

  #onIndexes(
    { userId, taskId }: TaskId,
    work: Work,
    argsOf: (member: string, half: number) => Command,
  ): Promise<Both<Reply>> {
    const [global, own] = [this.#layout.member(userId, taskId), this.#layout.userMember(taskId)];
    return Promise.all([
      this.#questions.ask(work, INDEX_KEY, ...argsOf(global, 0)),
      this.#questions.ask(work, this.#layout.indexKey(userId), ...argsOf(own, 1)),
    ]);
  }
}

/** A script, or the words of a command: the key comes after the first. */
type Work = Script | readonly [string, ...string[]];

interface Question {
  readonly work: Work;
  readonly key: string;
  readonly args: Command;
  answer(reply: Reply): void;
  fail(error: unknown): void;
}

/**
 * Sends what is asked in one turn of the event loop together, to all nodes at once, with one command for all members of an index.
 * An error of a key is the answer; an error that every command would get is thrown.
 */
class Questions {
  readonly #commands: RedisCommands;
  #waiting: Question[] = [];

  constructor(commands: RedisCommands) {
    this.#commands = commands;
  }

  ask(work: Work, key: string, ...args: Command): Promise<Reply> {
    return new Promise((answer, fail) => {
      if (this.#waiting.push({ work, key, args, answer, fail }) === 1) setImmediate(() => void this.#send());
    });
  }

  async #send(): Promise<void> {
    const questions = this.#waiting;
    this.#waiting = [];
    const groups = groupedBy(questions, groupOf);
    const byWork = groupedBy(groups.values(), ([first]) => ("source" in first!.work ? first.work : "commands"));
    await Promise.all([...byWork].map(([work, some]) => this.#sendAll(work, some)));
  }

  async #sendAll(work: Script | "commands", groups: readonly Question[][]): Promise<void> {
    try {
      const runs = groups.map((group) => ({ keys: [group[0]!.key], args: group.flatMap(({ args }) => args) }));
      const sent =
        work === "commands"
          ? this.#commands.pipeline(groups.map(([first], i) => commandOf(first!, runs[i]!.args)))
          : this.#commands.scripts(work, runs);
      const replies = unlessFatal(await sent);
      for (const [i, group] of groups.entries()) {
        const reply = replies[i]!;
        const isEach = isScores(group[0]!.work) && Array.isArray(reply);
        for (const [at, { answer }] of group.entries()) answer(isEach ? reply[at]! : reply);
      }
    } catch (error) {
      for (const { fail } of groups.flat()) fail(error);
    }
  }
}

/** Questions of one group are one command. */
function groupOf(question: Question): unknown {
  const { work, key } = question;
  if ("source" in work) return work === SLOT_SCRIPTS.moveMembers ? `move ${key}` : question;
  return work[0] === "GET" ? question : `${work[0]} ${key}`;
}

function commandOf({ work, key }: Question, args: Command): Command {
  const [name, ...words] = work as readonly [string, ...string[]];
  return [name, key, ...words, ...args];
}

function isScores(work: Work): boolean {
  return !("source" in work) && work[0] === "ZMSCORE";
}

function flagOf(reply: Reply): Outcome<boolean> {
  return reply instanceof TtsctlError ? reply : reply === 1;
}

function errorIn(items: readonly unknown[]): TtsctlError | undefined {
  return items.find((item) => item instanceof TtsctlError);
}

/** Whether members have these scores, or with null don't exist. */
function isThere(from: Both<Outcome<string | null>>, to: Both<number> | null): boolean {
  return from.every((score, half) => {
    if (to === null || typeof score !== "string") return score === null && to === null;
    return Number(score) === to[half];
  });
}
