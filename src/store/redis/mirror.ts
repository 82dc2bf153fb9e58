import { TtsctlError } from "../../errors.ts";
import { RecordParser } from "../../task/parse.ts";
import type { RecordRules } from "../../task/rules.ts";
import type { Task } from "../../task/task.ts";
import type { TimeReader } from "../../task/time.ts";
import type { TaskId } from "../task-source.ts";
import { AtomicCopies } from "./atomic-copies.ts";
import type { Command, RedisCommands, Reply } from "./commands.ts";
import {
  BATCH,
  type GuardedRemoval,
  type IndexPage,
  type MirrorCopies,
  type Outcome,
  type PageQuery,
  type Upsert,
} from "./copies.ts";
import type { CopyView, RedisCopy } from "./copy.ts";
import { isFatal } from "./errors.ts";
import { IndexCounts, type Standing } from "./index-counts.ts";
import { INDEX_KEY, LOOKUP_PREFIX, PURGING_KEY } from "./keys.ts";
import { indexKey, type Layout } from "./layout.ts";
import { layoutOf } from "./layouts.ts";
import { type Member, membersOf, type ScoreRange } from "./members.ts";
import { notRedis } from "./reply-shape.ts";
import { SlottedCopies } from "./slotted-copies.ts";
import { SyncMarks } from "./sync-marks.ts";
import { detectUserScore } from "./user-scores.ts";
import {
  type CopyCursor,
  type CopyStep,
  type IndexCursor,
  type IndexStep,
  indexStepCommand,
  indexStepOf,
  isBehindMember,
  type KeyStep,
  keyStepCommand,
  keyStepOf,
  START,
} from "./walk.ts";

/** How many members one step of a search in the index covers. */
const SCANNED = 10_000;
/** Seconds that a purge which was killed is taken for one under way: longer than a batch, or a rewrite, takes. */
const PURGE_LIFE = 120;

/** A member of the index, looked at to tell what wrote it. */
export interface SampledTask {
  /** Epoch seconds. */
  readonly score: number;
  /** The hash's; null where it has none. */
  readonly updatedAt: string | null;
  /** Whether there is a lookup of its task id. */
  readonly hasLookup: boolean;
}

/** The mirror of the store in Redis (SPEC section 3), on one node or in a cluster. */
export class Mirror {
  readonly #client: RedisCommands;
  readonly #parser: RecordParser;
  readonly #marks: SyncMarks;
  readonly #counts: IndexCounts;
  #copies: MirrorCopies;
  #layout: Layout;
  #detection: Promise<void> | undefined;
  #isDetected = false;

  constructor(client: RedisCommands, rules: RecordRules) {
    this.#client = client;
    this.#parser = new RecordParser(rules);
    this.#layout = layoutOf(rules);
    this.#copies = this.#copiesIn(this.#layout);
    this.#marks = new SyncMarks(client);
    this.#counts = new IndexCounts(client);
  }

  /** The current layout; `detect` may replace it. */
  get layout(): Layout {
    return this.#layout;
  }

  /** Detects what scores the user indexes: once per connection, and again as long as the result is unknown. */
  async detect(): Promise<void> {
    if (this.#layout.lookup === undefined || this.#isDetected) return;
    this.#detection ??= this.detectAgain().finally(() => {
      this.#detection = undefined;
    });
    await this.#detection;
  }

  /** Detects it again when an operation starts, because the service may have been upgraded since. */
  async detectAgain(): Promise<void> {
    if (this.#layout.lookup === undefined) return;
    const found = await detectUserScore(this.#client, this.#layout, this.times);
    this.#isDetected = found !== null;
    if (found === null || found === this.#layout.userScoredBy) return;
    this.#parser.rules.userScoredBy = found;
    this.#layout = layoutOf(this.#parser.rules);
    this.#copies = this.#copiesIn(this.#layout);
  }

  #copiesIn(layout: Layout): MirrorCopies {
    const Copies = this.#client.isCluster ? SlottedCopies : AtomicCopies;
    return new Copies(this.#client, { layout, parser: this.#parser });
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

  /** When the last full sync ended, or null: never, or the index of a user, or (undefined) of all, was lost since. */
  syncedAt(userId: string | undefined): Promise<string | null> {
    return this.#marks.at(indexKey(this.layout, userId));
  }

  /** The state of an index, of a user or (undefined) of all, from which a loss of members shows. */
  async standing(userId: string | undefined): Promise<Standing> {
    const key = indexKey(this.layout, userId);
    const [at, counts, members] = await this.#all([this.#marks.query(key), this.#counts.query(key), ["ZCARD", key]]);
    return { syncedAt: at as string | null, members: members as number, counted: this.#counts.read(counts) };
  }

  /** Keeps how many tasks a content of the file has, and which content that is. */
  keepCounts({ all, users }: { all: number; users: ReadonlyMap<string, number> }, version: string): Promise<void> {
    const counts = new Map([[INDEX_KEY, all]]);
    for (const [userId, count] of users) counts.set(indexKey(this.layout, userId), count);
    return this.#counts.replace(counts, version);
  }

  /** Says that Redis has fewer tasks than the file, for a time, since a purge takes them out of Redis first. */
  async setPurging(isPurging: boolean): Promise<void> {
    if (isPurging) await this.#client.command("SET", PURGING_KEY, "1", "EX", PURGE_LIFE);
    else await this.#client.command("DEL", PURGING_KEY);
  }

  async isPurging(): Promise<boolean> {
    return (await this.#client.command("EXISTS", PURGING_KEY)) === 1;
  }

  /** Leaves a token that a flush of the server would take away. */
  beginSync(token: string): Promise<void> {
    return this.#marks.begin(token);
  }

  /** Marks the end of a full sync, unless a server was flushed since it began: then false. */
  endSync(token: string, when: string): Promise<boolean> {
    return this.#marks.end(token, when);
  }

  /** The server's clock, epoch seconds; in a cluster the one in the middle of its primaries'. */
  async time(): Promise<number> {
    const times = (await this.#client.each("TIME")).map(({ reply }) => {
      if (reply instanceof TtsctlError) throw reply;
      const [seconds, micros] = reply as string[];
      return Number(seconds) + Number(micros) / 1e6;
    });
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
  }

  /** How many members an index has; of one user, or of all. */
  async size(userId: string | undefined): Promise<number> {
    return (await this.#client.command("ZCARD", indexKey(this.layout, userId))) as number;
  }

  /** Where a range lies in an index that is read from the newest on: the rank of its first member, and how many it has. */
  async stretch(userId: string | undefined, { since, until }: ScoreRange): Promise<{ rank: number; total: number }> {
    const key = indexKey(this.layout, userId);
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
    const reply = await this.#client.command(
      "ZREVRANGE",
      indexKey(this.layout, userId),
      rank,
      rank + count - 1,
      "WITHSCORES",
    );
    return membersOf(reply, userId, this.layout);
  }

  /** A page of a range, newest first, with its tasks, and how many members the range has; in one round trip where that can be. */
  async page(query: PageQuery): Promise<IndexPage> {
    const whole = await this.#copies.page?.(query);
    if (whole) return whole;
    const { total, members } = await this.#indexPage(query);
    return { total, members, tasks: await this.read(members) };
  }

  async #indexPage({ userId, range, offset, count }: PageQuery): Promise<{ total: number; members: Member[] }> {
    if (range.until !== null || count === 0) {
      const { rank, total } = await this.stretch(userId, range);
      const wanted = Math.max(0, Math.min(count, total - offset));
      return { total, members: await this.newest(userId, rank + offset, wanted) };
    }
    const key = indexKey(this.layout, userId);
    const [total, flat] = await this.#all([
      ["ZCOUNT", key, range.since ?? "-inf", "+inf"],
      ["ZREVRANGE", key, offset, offset + count - 1, "WITHSCORES"],
    ]);
    const within = Math.max(0, (total as number) - offset);
    return { total: total as number, members: membersOf(flat!, userId, this.layout).slice(0, within) };
  }

  /** Where a member stands, from the newest on; null where it is not in the index. */
  async rank(userId: string | undefined, id: TaskId): Promise<number | null> {
    const { layout } = this;
    const member = userId === undefined ? layout.member(id.userId, id.taskId) : layout.userMember(id.taskId);
    return (await this.#client.command("ZREVRANK", indexKey(this.layout, userId), member)) as number | null;
  }

  /** Members of a user index with `updated_at` as their score, whatever scores that index. */
  async withChangeTimes(members: readonly Member[]): Promise<Member[]> {
    await this.detect();
    if (this.layout.userScoredBy === "updated_at" || members.length === 0) return [...members];
    const names = members.map(({ userId, taskId }) => this.layout.member(userId, taskId));
    const scores = (await this.#client.command("ZMSCORE", INDEX_KEY, ...names)) as (string | null)[];
    const unindexed = members.filter((_, i) => scores[i] === null);
    const copies = (await this.read(unindexed))[Symbol.iterator]();
    return members.map((member, i) => {
      if (scores[i] !== null) return { ...member, score: Number(scores[i]) };
      const copy = copies.next().value;
      return copy === undefined || copy instanceof TtsctlError ? member : { ...member, score: copy.score };
    });
  }

  /** The tasks of these ids; undefined for one without a usable hash. */
  async read(ids: readonly TaskId[]): Promise<Outcome<Task | undefined>[]> {
    const replies = await this.#batches(ids, ({ userId, taskId }) => [
      "HMGET",
      this.layout.taskKey(userId, taskId),
      ...this.layout.readFields,
    ]);
    return replies.map((reply, i) => {
      if (reply instanceof TtsctlError) return reply;
      return this.layout.read(reply as (string | null)[], ids[i]!, this.#parser);
    });
  }

  /** The status words of these ids; null without one. */
  async statuses(ids: readonly TaskId[]): Promise<Outcome<string | null>[]> {
    const { payloadRules } = this.layout;
    const fields = payloadRules ? ["status", "updated_at", "payload"] : ["status"];
    const replies = await this.#batches(ids, ({ userId, taskId }) => [
      "HMGET",
      this.layout.taskKey(userId, taskId),
      ...fields,
    ]);
    return replies.map((reply) => {
      if (reply instanceof TtsctlError) return reply;
      const [status = null, updatedAt = null, payload = null] = reply as (string | null)[];
      return this.layout.stateOf([status, updatedAt, payload], this.#parser).status || null;
    });
  }

  /**
   * Each copy as it is, at most BATCH, to decide on a write or a removal and to guard it with. In a layout whose ids are quoted,
   * a hash whose name no task of the layout can have is an error, so nothing judges it.
   */
  async copies(ids: readonly TaskId[], view: Exclude<CopyView, "full">): Promise<Outcome<RedisCopy>[]> {
    await this.detect();
    const copies = await this.#withPayloads(await this.#copies.read(ids, view), ids);
    if (!this.layout.payloadRules) return copies;
    return copies.map((copy, i) => (isOthers(copy, ids[i]!) ? othersCopy(ids[i]!) : copy));
  }

  /** Each copy with all that a sync writes, at most BATCH. */
  async fullCopies(ids: readonly TaskId[]): Promise<RedisCopy[]> {
    await this.detect();
    return (await this.#copies.read(ids, "full")).map((copy) => {
      if (copy instanceof TtsctlError) throw copy;
      return copy;
    });
  }

  /** A hash without `updated_at` has the time of its payload, which `state` and `scores` don't read otherwise. */
  async #withPayloads(copies: Outcome<RedisCopy>[], ids: readonly TaskId[]): Promise<Outcome<RedisCopy>[]> {
    const due = copies.flatMap((copy, i) => (lacksTime(copy) ? [i] : []));
    if (due.length === 0) return copies;
    const keys = due.map((i) => this.layout.taskKey(ids[i]!.userId, ids[i]!.taskId));
    const payloads = await this.#client.pipeline(keys.map((key) => ["HGET", key, "payload"]));
    const all = [...copies];
    due.forEach((at, i) => {
      const [copy, payload] = [copies[at] as RedisCopy, payloads[i]!];
      all[at] =
        payload instanceof TtsctlError
          ? payload
          : { ...copy, fields: { ...copy.fields, payload: payload as string | null } };
    });
    return all;
  }

  /** One step of a walk over all keys of the mirror. */
  async stepKeys(cursor: string): Promise<KeyStep> {
    const step = keyStepOf(await this.#client.command(...keyStepCommand(cursor)), this.layout);
    this.#checkCursor("SCAN", cursor, step.cursor);
    return step;
  }

  /** One step of the walks over some indexes; an error in place of one that is no sorted set. */
  async stepIndexes(cursors: readonly IndexCursor[]): Promise<Outcome<IndexStep>[]> {
    const steps = (await this.#client.pipeline(cursors.map((cursor) => indexStepCommand(cursor, this.layout)))).map(
      indexStepOf,
    );
    for (const [i, step] of steps.entries()) {
      if (!(step instanceof TtsctlError)) this.#checkCursor("ZSCAN", cursors[i]!.cursor, step.cursor);
      else if (isFatal(step)) throw step;
    }
    return steps;
  }

  /** Members of the global index with scores from one to another, lowest first, and their scores, `count` after some. */
  async lowest(until: number, from: string, skip: number, count: number): Promise<readonly string[]> {
    const limit = ["LIMIT", skip, count];
    const reply = await this.#client.command("ZRANGEBYSCORE", INDEX_KEY, from, until, "WITHSCORES", ...limit);
    return reply as string[];
  }

  /** One step of a walk over an index that looks at the copies too, where that can be done at once. */
  async stepCopies(from: CopyCursor): Promise<CopyStep> {
    await this.detect();
    const step = await this.#copies.walk?.(from);
    if (step) return step;
    // Where scripts are refused in the middle of a walk, it begins anew by the cursors that are left.
    const cursor = isBehindMember(from.cursor) ? START : from.cursor;
    const [plain] = await this.stepIndexes([{ userId: from.userId, cursor }]);
    if (plain instanceof TtsctlError) throw plain;
    return { ...plain!, reached: START, times: null };
  }

  /** Where a second such walk over an index may begin; null where one is enough. */
  async middleOf(userId: string | undefined): Promise<string | null> {
    return (await this.#copies.middleOf?.(userId)) ?? null;
  }

  /** Whose each task id is by its lookup; null where there is none, or none that names a user. */
  async lookedUp(taskIds: readonly string[]): Promise<(string | null)[]> {
    const { lookup } = this.layout;
    if (lookup === undefined || taskIds.length === 0) return taskIds.map(() => null);
    const values = await this.#client.pipeline(taskIds.map((taskId) => ["GET", lookup.key(taskId)]));
    for (const value of values) if (value instanceof TtsctlError && isFatal(value)) throw value;
    return values.map((value) => (typeof value === "string" ? lookup.userOf(value) : null));
  }

  /** The tasks of all users with an id, by a search in the global index that Redis does in steps. */
  async tasksWithId(taskId: string): Promise<TaskId[]> {
    const pattern = `*:${this.layout.userMember(taskId).replace(/[\\*?[\]]/g, "\\$&")}`;
    const found = new Map<string, TaskId>();
    let cursor = START;
    do {
      const reply = await this.#client.command("ZSCAN", INDEX_KEY, cursor, "MATCH", pattern, "COUNT", SCANNED);
      const [next, flat] = reply as [string, string[]];
      for (const id of membersOf(flat, undefined, this.layout)) {
        if (id.taskId === taskId && id.userId !== "") found.set(id.userId, { userId: id.userId, taskId });
      }
      cursor = next;
    } while (cursor !== START);
    return [...found.values()];
  }

  /** Which tasks' hashes hold byte for byte what a sync would write; at most BATCH. */
  matches(tasks: readonly Task[]): Promise<boolean[]> {
    return this.#copies.matches(tasks);
  }

  /** Guarded writes, at most BATCH: true where written, false where the hash changed since it was seen. */
  async upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    await this.detect();
    return this.#copies.upsert(upserts);
  }

  /** Conditional removals, at most BATCH: true where removed, false where the copy is no longer as it was seen. */
  async remove(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    await this.detect();
    return this.#copies.remove(removals);
  }

  /** Some members, chosen at random, and what tells of what service they are. */
  async sample(count: number): Promise<SampledTask[]> {
    const reply = await this.#client.command("ZRANDMEMBER", INDEX_KEY, count, "WITHSCORES");
    const members = membersOf(reply, undefined, this.layout);
    const names = members.map(({ userId, taskId }) => this.layout.member(userId, taskId));
    const times = await this.#batches(members, ({ userId, taskId }) => [
      ...["HGET", this.layout.taskKey(userId, taskId), "updated_at"],
    ]);
    const lookups = await this.#client.pipeline(
      names.map((name) => ["EXISTS", LOOKUP_PREFIX + name.slice(name.indexOf(":") + 1)]),
    );
    return members.map(({ score }, i) => ({
      ...{ score, updatedAt: typeof times[i] === "string" ? times[i] : null, hasLookup: lookups[i] === 1 },
    }));
  }

  close(): void {
    this.#client.close();
  }

  /** A walk whose cursor stays where it is would never end. */
  #checkCursor(command: string, before: string, after: string): void {
    if (after === before && after !== START)
      throw notRedis(`keeps answering ${command} with cursor ${after}`, this.where);
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

/** Whether a slim view of a hash has no time, and its payload wasn't read. */
function lacksTime(copy: Outcome<RedisCopy>): boolean {
  if (copy instanceof TtsctlError || copy.type !== "hash") return false;
  return !copy.fields.updated_at && copy.fields.payload === undefined;
}

function isOthers(copy: Outcome<RedisCopy>, { userId }: TaskId): boolean {
  return userId === "" && !(copy instanceof TtsctlError) && copy.type === "hash";
}

function othersCopy({ taskId }: TaskId): TtsctlError {
  return new TtsctlError("REDIS_FAILED", `${JSON.stringify(taskId)} is no name of a task in this layout: it stays`);
}
