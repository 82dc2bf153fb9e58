import { TtsctlError } from "../../errors.ts";
import { memberOf } from "../../task/ids.ts";
import { RecordParser } from "../../task/parse.ts";
import type { Task } from "../../task/task.ts";
import type { TimeReader } from "../../task/time.ts";
import type { Zone } from "../../task/zone.ts";
import type { TaskId } from "../task-source.ts";
import type { Command, RedisClient, Reply } from "./client.ts";
import { isFatal } from "./errors.ts";
import { HASH_FIELDS, readHash } from "./hash.ts";
import { INSPECT_ITEMS, type Inspection, inspectionOf } from "./inspection.ts";
import { INDEX_KEY, indexKey, SYNCED_KEY, SYNCING_KEY, taskKey, userIndexKey } from "./keys.ts";
import { type Look, looksOf, UNKNOWN } from "./look.ts";
import { type Member, membersOf, type ScoreRange } from "./members.ts";
import type { Script } from "./script.ts";
import {
  END_SYNC,
  INSPECT,
  INSPECT_ARGS,
  LOOK,
  LOOK_ARGS,
  MATCH,
  MATCH_ARGS,
  REMOVE,
  REMOVE_ARGS,
  SEE,
  SEE_ARGS,
  SEE_ITEMS,
  UPSERT,
  UPSERT_ARGS,
} from "./scripts.ts";
import { type SeenCopy, seenCopyOf } from "./seen-copy.ts";
import {
  type IndexCursor,
  type IndexStep,
  indexStepCommand,
  indexStepOf,
  type KeyStep,
  keyStepCommand,
  keyStepOf,
} from "./walk.ts";

/** The most tasks that one Lua call or one pipeline carries: few enough that no other client of Redis waits for long. */
export const BATCH = 250;

/** What a batch operation says of one of its tasks: a value, or the error that concerns this task alone. */
export type Outcome<T> = T | TtsctlError;

/** A task with the score that it should have: where the mirror has it, the answer is short. */
export type Expected = TaskId & { readonly score?: number };

/** A write that goes through only if the hash still is as it was seen. */
export interface Upsert {
  readonly task: Task;
  /** As in Look. */
  readonly seen: string | null;
  /** The status that the hash must have too; any where it is absent. */
  readonly seenStatus?: string;
  /** Leave the hash as it is and mend the index members alone. */
  readonly indexOnly?: boolean;
  /** Leave nothing else in the hash: what is there is a fragment. */
  readonly afresh?: boolean;
}

/** The mirror of the store in Redis (SPEC section 3), on one node. */
export class Mirror {
  readonly #client: RedisClient;
  readonly #parser: RecordParser;

  constructor(client: RedisClient, zone: Zone) {
    this.#client = client;
    this.#parser = new RecordParser(zone);
  }

  /** Reads records as this mirror's hashes hold them. */
  get parser(): RecordParser {
    return this.#parser;
  }

  /** Reads times as this mirror's tasks have them. */
  get times(): TimeReader {
    return this.#parser.times;
  }

  get where(): string {
    return this.#client.where;
  }

  /** Comes when the connection is of no more use, with the reason. */
  get lost(): Promise<TtsctlError> {
    return this.#client.lost;
  }

  /** When the last full sync ended, or null: never, or Redis was flushed since. */
  async syncedAt(): Promise<string | null> {
    return (await this.#client.command("GET", SYNCED_KEY)) as string | null;
  }

  /** Leaves a token that a flush of the server would take away. */
  async beginSync(token: string): Promise<void> {
    await this.#client.command("SET", SYNCING_KEY, token, "EX", 86_400);
  }

  /** Marks the end of a full sync, unless the server was flushed since it began: then false. */
  async endSync(token: string, when: string): Promise<boolean> {
    return (await this.#client.script(END_SYNC, [SYNCING_KEY, SYNCED_KEY], [token, when])) === 1;
  }

  /** The server's clock, epoch seconds. */
  async time(): Promise<number> {
    const [seconds, micros] = (await this.#client.command("TIME")) as string[];
    return Number(seconds) + Number(micros) / 1e6;
  }

  /** How many members an index has; of one user, or of all. */
  async size(userId: string | undefined): Promise<number> {
    return (await this.#client.command("ZCARD", indexKey(userId))) as number;
  }

  /** Where a range lies in an index that is read from the newest on: the rank of its first member, and how many it has. */
  async stretch(userId: string | undefined, { since, until }: ScoreRange): Promise<{ rank: number; total: number }> {
    const key = indexKey(userId);
    const from = since === null ? "-inf" : String(since);
    const [above, within] = await this.#all([
      ["ZCOUNT", key, until ?? "+inf", "+inf"],
      ["ZCOUNT", key, from, until === null ? "+inf" : `(${until}`],
    ]);
    return { rank: until === null ? 0 : (above as number), total: within as number };
  }

  /** Members by `updated_at` descending, ties by member descending, `count` from a rank on. */
  async newest(userId: string | undefined, rank: number, count: number): Promise<Member[]> {
    if (count === 0) return [];
    const reply = await this.#client.command("ZREVRANGE", indexKey(userId), rank, rank + count - 1, "WITHSCORES");
    return membersOf(reply, userId);
  }

  /**
   * A page of a range, newest first, with how many members the range has, in one round trip where the range has no end.
   */
  async page(
    userId: string | undefined,
    range: ScoreRange,
    offset: number,
    count: number,
  ): Promise<{ total: number; members: Member[] }> {
    if (range.until !== null || count === 0) {
      const { rank, total } = await this.stretch(userId, range);
      const wanted = Math.max(0, Math.min(count, total - offset));
      return { total, members: await this.newest(userId, rank + offset, wanted) };
    }
    const key = indexKey(userId);
    const [total, flat] = await this.#all([
      ["ZCOUNT", key, range.since ?? "-inf", "+inf"],
      ["ZREVRANGE", key, offset, offset + count - 1, "WITHSCORES"],
    ]);
    const within = Math.max(0, (total as number) - offset);
    return { total: total as number, members: membersOf(flat!, userId).slice(0, within) };
  }

  /** Where a member stands, from the newest on; null where it is not in the index. */
  async rank(userId: string | undefined, id: TaskId): Promise<number | null> {
    const member = userId === undefined ? memberOf(id.userId, id.taskId) : id.taskId;
    return (await this.#client.command("ZREVRANK", indexKey(userId), member)) as number | null;
  }

  /** The tasks of these ids; undefined for one without a usable hash. */
  async read(ids: readonly TaskId[]): Promise<Outcome<Task | undefined>[]> {
    const replies = await this.#batches(ids, ({ userId, taskId }) => [
      "HMGET",
      taskKey(userId, taskId),
      ...HASH_FIELDS,
    ]);
    return replies.map((reply, i) => {
      if (reply instanceof TtsctlError) return reply;
      return readHash(reply as (string | null)[], ids[i]!.userId, ids[i]!.taskId, this.#parser);
    });
  }

  /** The status words of these ids; null where there is none. */
  async statuses(ids: readonly TaskId[]): Promise<Outcome<string | null>[]> {
    const replies = await this.#batches(ids, ({ userId, taskId }) => ["HGET", taskKey(userId, taskId), "status"]);
    return replies as Outcome<string | null>[];
  }

  /** Each copy exactly as it stands, to decide on and to guard a removal with; at most BATCH. */
  async see(ids: readonly TaskId[]): Promise<Outcome<SeenCopy>[]> {
    const reply = await this.#call(SEE, ids, membersAndIds(ids), SEE_ARGS);
    return itemsOf(reply, ids, SEE_ITEMS).map(seenCopyOf);
  }

  /** What the mirror knows of each task; at most BATCH of them. Only what the index knows at all is looked at closely. */
  async look(ids: readonly Expected[]): Promise<Outcome<Look>[]> {
    if (ids.length === 0) return [];
    const members = ids.map(({ userId, taskId }) => memberOf(userId, taskId));
    const scores = (await this.#client.command("ZMSCORE", INDEX_KEY, ...members)) as (string | null)[];
    const known = ids.filter((_, i) => scores[i] !== null);
    const looks = (await this.lookClosely(known))[Symbol.iterator]();
    return scores.map((score) => (score === null ? UNKNOWN : (looks.next().value as Outcome<Look>)));
  }

  /** The same with every hash looked at, in the index or not. */
  async lookClosely(ids: readonly Expected[]): Promise<Outcome<Look>[]> {
    if (ids.length === 0) return [];
    const args = ids.flatMap(({ userId, taskId, score }) => [memberOf(userId, taskId), taskId, score ?? ""]);
    const scores = ids.map(({ score }) => score);
    return looksOf(await this.#call(LOOK, ids, args, LOOK_ARGS), scores, this.#parser);
  }

  /** One step of a walk over all keys of the mirror. */
  async stepKeys(cursor: string): Promise<KeyStep> {
    return keyStepOf(await this.#client.command(...keyStepCommand(cursor)));
  }

  /** One step of the walks over some indexes; an error in place of one that is no sorted set. */
  async stepIndexes(cursors: readonly IndexCursor[]): Promise<Outcome<IndexStep>[]> {
    const steps = (await this.#client.pipeline(cursors.map(indexStepCommand))).map(indexStepOf);
    for (const step of steps) if (step instanceof TtsctlError && isFatal(step)) throw step;
    return steps;
  }

  /** Which tasks' hashes hold byte for byte what a sync would write; at most BATCH. */
  async matches(tasks: readonly Task[]): Promise<boolean[]> {
    const args: string[] = [];
    for (const { userId, taskId, status, error, createdAt, updatedAt, json } of tasks) {
      args.push(userId, taskId, status, error, createdAt, updatedAt, json);
    }
    const flags = (await this.#call(MATCH, tasks, args, MATCH_ARGS)) as string;
    return tasks.map((_, i) => flags[i] === "1");
  }

  /** Everything that the mirror holds of each task; at most BATCH. */
  async inspect(ids: readonly TaskId[]): Promise<Inspection[]> {
    const reply = await this.#call(INSPECT, ids, membersAndIds(ids), INSPECT_ARGS);
    return itemsOf(reply, ids, INSPECT_ITEMS).map(inspectionOf);
  }

  /** Guarded writes, at most BATCH: true where written, false where the hash changed since it was seen. */
  async upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    const args: (string | number)[] = [];
    for (const { task, seen, seenStatus, indexOnly, afresh } of upserts) {
      args.push(seen ?? "", task.score, memberOf(task.userId, task.taskId), task.taskId, task.userId, task.status);
      args.push(task.error, task.createdAt, task.updatedAt, indexOnly ? "" : task.json);
      args.push(seenStatus === undefined ? "" : `=${seenStatus}`, afresh ? 1 : 0);
    }
    const tasks = upserts.map(({ task }) => task);
    return flagsOf(await this.#call(UPSERT, tasks, args, UPSERT_ARGS));
  }

  /** Conditional removals, at most BATCH: true where removed, false where the copy is no longer as it was seen. */
  async remove(removals: readonly { id: TaskId; seen: SeenCopy }[]): Promise<Outcome<boolean>[]> {
    const args = removals.flatMap(({ id, seen }) => [
      ...[seen.exists ? "1" : "0", seen.status, seen.updatedAt, seen.score, seen.userScore],
      ...[memberOf(id.userId, id.taskId), id.taskId],
    ]);
    const ids = removals.map(({ id }) => id);
    return flagsOf(await this.#call(REMOVE, ids, args, REMOVE_ARGS));
  }

  /** Some members, chosen at random, with the time that their hash holds; for a look at the zone. */
  async sample(count: number): Promise<{ score: number; updatedAt: string }[]> {
    const members = membersOf(await this.#client.command("ZRANDMEMBER", INDEX_KEY, count, "WITHSCORES"), undefined);
    const times = await this.#batches(members, ({ userId, taskId }) => ["HGET", taskKey(userId, taskId), "updated_at"]);
    return members.flatMap(({ score }, i) => (typeof times[i] === "string" ? [{ score, updatedAt: times[i] }] : []));
  }

  close(): void {
    this.#client.close();
  }

  /** What a script says of these tasks, from `width` values a task. */
  async #call(script: Script, ids: readonly TaskId[], args: readonly (string | number)[], width: number) {
    if (args.length !== ids.length * width) {
      throw new TtsctlError("INTERNAL", `a Lua call got ${args.length} values for ${ids.length} tasks`);
    }
    return ids.length === 0 ? [] : this.#client.script(script, keysOf(ids), args);
  }

  /** Commands that must all succeed, in one round trip. */
  async #all(commands: readonly Command[]): Promise<Reply[]> {
    const replies = await this.#client.pipeline(commands);
    for (const reply of replies) if (reply instanceof TtsctlError) throw reply;
    return replies;
  }

  /** One command a task, BATCH in a round trip. An error that would meet every task is thrown. */
  async #batches(ids: readonly TaskId[], command: (id: TaskId) => Command): Promise<Reply[]> {
    const replies: Reply[] = [];
    for (let i = 0; i < ids.length; i += BATCH) {
      replies.push(...(await this.#client.pipeline(ids.slice(i, i + BATCH).map(command))));
    }
    for (const reply of replies) if (reply instanceof TtsctlError && isFatal(reply)) throw reply;
    return replies;
  }
}

function membersAndIds(ids: readonly TaskId[]): string[] {
  return ids.flatMap(({ userId, taskId }) => [memberOf(userId, taskId), taskId]);
}

function keysOf(ids: readonly TaskId[]): string[] {
  const keys = [INDEX_KEY];
  for (const { userId, taskId } of ids) keys.push(taskKey(userId, taskId), userIndexKey(userId));
  return keys;
}

/** The answers of a script, `width` items a task. */
function itemsOf(reply: Reply, ids: readonly TaskId[], width: number): Reply[][] {
  return ids.map((_, i) => (reply as Reply[]).slice(i * width, (i + 1) * width));
}

function flagsOf(reply: Reply): Outcome<boolean>[] {
  return (reply as Reply[]).map((item) => (item instanceof TtsctlError ? item : item === 1));
}
