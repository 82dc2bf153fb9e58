import { TtsctlError } from "../../errors.ts";
import { groupedBy } from "../../pool.ts";
import { keyOf, type TaskId } from "../../task/ids.ts";
import { type CopyView, copyOf, fieldsOf, type LookupState, type RedisCopy } from "../layout/copy.ts";
import { INDEX_KEY } from "../layout/keys.ts";
import { type CopyReading, userScoreOf } from "../layout/layout.ts";
import type { Command, RedisCommands, Reply, Script } from "./commands.ts";
import { type GuardedRemoval, type MirrorCopies, type Outcome, scoresOf, seenTexts, type Upsert } from "./copies.ts";
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
 * (`reindex`). A kill in between leaves a member without a hash, or a score that is too high. A service, without a lock,
 * writes the hash first and then the members, so a hash that is unchanged after the members were set shows that they fit.
 */
export function slottedCopies(commands: RedisCommands, reading: CopyReading): MirrorCopies {
  const { layout } = reading;
  const ask = questionsTo(commands);

  async function readOne(id: TaskId, view: CopyView, names: readonly string[]): Promise<Outcome<RedisCopy>> {
    const [hash, scores] = await Promise.all([onHash(SLOT_SCRIPTS.hash, id, view, ...names), readScores(id)]);
    const lookup = await lookUp(id, typeof scores[0] === "string" ? Number(scores[0]) : Number.NEGATIVE_INFINITY);
    if (hash instanceof TtsctlError) return hash;
    const says = lookup instanceof TtsctlError ? "wrong" : lookup.says;
    return copyOf(hash as Reply[], [...scores, says], names, view);
  }

  async function upsertOne(upsert: Upsert): Promise<Outcome<boolean>> {
    const { task, seen, indexOnly } = upsert;
    const guard = seenTexts(seen, layout);
    // A refused write leaves nothing behind.
    const [allowed, scores, held] = await Promise.all([
      onHash(SLOT_SCRIPTS.write, task, ...guard, 1),
      readScores(task),
      layout.hasLookups ? ask(["GET"], layout.lookupKey(task.taskId)) : null,
    ]);
    const error = errorIn([...scores, allowed, held]);
    if (error !== undefined || allowed !== 1) return error ?? false;
    const outcome = indexOnly ? true : await writeHash(upsert, guard);
    const hasHash = await reindex(task);
    return outcome === true && hasHash instanceof TtsctlError ? hasHash : outcome;
  }

  async function writeHash(upsert: Upsert, guard: readonly string[]): Promise<Outcome<boolean>> {
    const { task, afresh } = upsert;
    const scores = scoresOf(upsert, reading);
    const error = errorIn(await onIndexes(task, ["ZADD", "GT"], (member, half) => [scores[half]!, member]));
    if (error !== undefined) return error;
    const values = layout.valuesOf(task);
    const fields = layout.fields.flatMap((name, at) => [name, values[at]!]);
    return flagOf(await onHash(SLOT_SCRIPTS.write, task, ...guard, "", afresh ? 1 : 0, ...fields));
  }

  async function removeOne({ id, seen }: GuardedRemoval): Promise<Outcome<boolean>> {
    const scores = await readScores(id);
    const error = errorIn(scores);
    if (error !== undefined) return error;
    const hasHash = seen.type === "hash";
    if (!hasHash && (scores[0] !== seen.indexScore || scores[1] !== seen.userScore)) return false;
    const outcome = flagOf(await onHash(SLOT_SCRIPTS.remove, id, ...seenTexts(seen, layout)));
    if (outcome !== true) return outcome;
    const found = await reindex(id);
    return hasHash || found === false;
  }

  /**
   * Has members and lookup fit the hash, until a look finds nothing to change. Scores are read before the hash, so what a
   * service writes after that isn't overwritten. @returns whether the task has a hash
   */
  async function reindex(id: TaskId): Promise<Outcome<boolean>> {
    for (let round = 1; ; round++) {
      const scores = await readScores(id);
      const due = await scoresDue(id);
      const lookup = await lookUp(id, due?.[0] ?? Number.NEGATIVE_INFINITY);
      const error = errorIn(scores);
      if (error !== undefined) return error;
      const isOut = due !== undefined && !isThere(scores, due);
      if (isOut) await move(id, scores, due);
      if (lookup instanceof TtsctlError) return lookup;
      const isLost = due !== undefined && lookup.says === (due === null ? "own" : "wrong");
      if (isLost) {
        const next = due === null ? "" : layout.quote(id.userId);
        await ask(SLOT_SCRIPTS.setLookup, layout.lookupKey(id.taskId), lookup.holds, next);
      }
      if (!(isOut || isLost) || round === MOST_ROUNDS) return due !== null;
    }
  }

  /** The scores that fit the hash; null without a hash, undefined if it has no valid `updated_at` or is another type. */
  async function scoresDue(id: TaskId): Promise<Both<number> | null | undefined> {
    const reply = await onHash(SLOT_SCRIPTS.hash, id, "state", "updated_at", "created_at");
    const [kind, updated, created] = (Array.isArray(reply) ? reply : []) as [number?, string?, string?];
    if (kind === 0) return null;
    const score = kind === 1 ? reading.parser.times.ofHash(updated ?? "") : Number.NaN;
    return Number.isNaN(score) ? undefined : [score, userScoreOf(reading, { score, createdAt: created ?? "" })];
  }

  /** Sets members whose scores are still those that were read (null: none), or with null removes them. */
  function move(id: TaskId, from: Both<Reply>, to: Both<number> | null): Promise<Both<Reply>> {
    const argsOf = (member: string, half: number) => [member, String(from[half] ?? ""), to === null ? "" : to[half]!];
    return onIndexes(id, SLOT_SCRIPTS.moveMembers, argsOf);
  }

  /** The value of a lookup, and what that means for the task with this score. */
  async function lookUp(id: TaskId, score: number): Promise<Outcome<{ holds: string; says: LookupState | null }>> {
    if (!layout.hasLookups) return { holds: "", says: null };
    const holds = await ask(["GET"], layout.lookupKey(id.taskId));
    if (holds instanceof TtsctlError) return holds;
    if (typeof holds !== "string") return { holds: "", says: "wrong" };
    if (holds === layout.quote(id.userId)) return { holds, says: "own" };
    const [own, other] = [layout.member(id.userId, id.taskId), `${holds}:${layout.quote(id.taskId)}`];
    const theirs = await ask(SCORES, INDEX_KEY, other);
    if (theirs instanceof TtsctlError) return theirs;
    const isNewer = theirs !== null && (Number(theirs) > score || (Number(theirs) === score && other > own));
    return { holds, says: isNewer ? "other" : "wrong" };
  }

  function onHash(script: Script, { userId, taskId }: TaskId, ...args: Command): Promise<Reply> {
    return ask(script, layout.taskKey(userId, taskId), ...args);
  }

  /** Scores as Redis writes them; null without a member. */
  function readScores(id: TaskId): Promise<Both<Outcome<string | null>>> {
    return onIndexes(id, SCORES, (member) => [member]) as Promise<Both<Outcome<string | null>>>;
  }

  function onIndexes(
    { userId, taskId }: TaskId,
    work: Work,
    argsOf: (member: string, half: number) => Command,
  ): Promise<Both<Reply>> {
    const [global, own] = [layout.member(userId, taskId), layout.quote(taskId)];
    return Promise.all([
      ask(work, INDEX_KEY, ...argsOf(global, 0)),
      ask(work, layout.indexKey(userId), ...argsOf(own, 1)),
    ]);
  }

  return {
    read(ids, view) {
      const names = fieldsOf(view, layout);
      return Promise.all(ids.map((id) => readOne(id, view, names)));
    },

    upsert(upserts) {
      const taken = new Set<string>();
      const isRepeated = (name: string) => taken.size === taken.add(name).size;
      // A task that comes twice: the second write was decided on before the first was done.
      return Promise.all(upserts.map(async (upsert) => !isRepeated(keyOf(upsert.task)) && upsertOne(upsert)));
    },

    remove: (removals) => Promise.all(removals.map(removeOne)),
  };
}

/** A script, or the words of a command: the key comes after the first. */
type Work = Script | readonly [string, ...string[]];

/** The replies of one such command are of one question each. */
const SCORES: Work = ["ZMSCORE"];

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
function questionsTo(commands: RedisCommands) {
  let waiting: Question[] = [];

  async function send(): Promise<void> {
    const groups = groupedBy(waiting, groupOf);
    waiting = [];
    const byWork = groupedBy(groups.values(), ([first]) => ("source" in first!.work ? first.work : "commands"));
    await Promise.all([...byWork].map(([work, some]) => sendAll(work, some)));
  }

  async function sendAll(work: Script | "commands", groups: readonly Question[][]): Promise<void> {
    try {
      const runs = groups.map((group) => ({ keys: [group[0]!.key], args: group.flatMap(({ args }) => args) }));
      const sent =
        work === "commands"
          ? commands.pipeline(groups.map(([first], i) => commandOf(first!, runs[i]!.args)))
          : commands.scripts(work, runs);
      const replies = unlessFatal(await sent);
      for (const [i, group] of groups.entries()) {
        const reply = replies[i]!;
        const isEach = group[0]!.work === SCORES && Array.isArray(reply);
        for (const [at, { answer }] of group.entries()) answer(isEach ? reply[at]! : reply);
      }
    } catch (error) {
      for (const { fail } of groups.flat()) fail(error);
    }
  }

  return (work: Work, key: string, ...args: Command): Promise<Reply> =>
    new Promise((answer, fail) => {
      if (waiting.push({ work, key, args, answer, fail }) === 1) setImmediate(() => void send());
    });
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
