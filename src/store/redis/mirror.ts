import { randomUUID } from "node:crypto";
import { systemClock } from "../../clock.ts";
import { hasCode, TtsctlError, valueIf } from "../../errors.ts";
import { batches, fillIn } from "../../pool.ts";
import { keyOf, type TaskId, uniqueTasks } from "../../task/ids.ts";
import { ofUser } from "../../task/query-fields.ts";
import type { RecordRules } from "../../task/rules.ts";
import { RecordParser, type Task } from "../../task/task.ts";
import { ApiMsLayout } from "../layout/api-ms.ts";
import { type CopyView, fitOf, isWhole, NO_COPY, type RedisCopy, sameContent, timeOf } from "../layout/copy.ts";
import {
  ALL_KEYS,
  COUNTED_KEY,
  INDEX_KEY,
  LOOKUP_PREFIX,
  SYNCED_KEY,
  SYNCING_KEY,
  TASK_PREFIX,
} from "../layout/keys.ts";
import { type Layout, PLAIN, stateNames } from "../layout/layout.ts";
import type { Writable } from "../writable.ts";
import { atomicCopies } from "./atomic-copies.ts";
import type { Command, RedisCommands, Reply } from "./commands.ts";
import { BATCH, type Fitting, type GuardedRemoval, type MirrorCopies, type Outcome, type Upsert } from "./copies.ts";
import { allOf, ServerError, unlessFatal } from "./errors.ts";
import { layoutArgument, SCRIPTS } from "./scripts.ts";
import { slottedCopies } from "./slotted-copies.ts";
import { ahead, type CopyStep, type IndexRange, type Member, membersOf, STEP } from "./walk.ts";

/** How many members one step of a search in the index covers. */
const SCANNED = 10_000;
const SAMPLE = 64;
/** How many members a step of a walk that looks at the copies too reads: it blocks Redis for some 3 ms. */
const WALKED = 500;

export type SampledTask = Awaited<ReturnType<Mirror["sample"]>>[number];

/** The state of an index. */
export interface Standing {
  /** When the last full sync ended; null: never, or lost since. */
  readonly syncedAt: string | null;
  readonly members: number;
  /** How many it had when a sync or cleanup counted them last: 0 for an index that is new since, null if all counts are lost. */
  readonly counted: number | null;
}

/** Whether an index is missing, or has fewer than half of the members that were counted. */
export function lacksMembers({ members, counted }: Standing): boolean {
  return members === 0 || counted === null || members < counted / 2;
}

/** An outage, a restore, or a service that deletes may leave fewer tasks in Redis alone. */
export const LEAST_STRANGE = 5;

const COUNTED_AT_ONCE = 500;
/** Steps of the search for tasks that the index lacks: Redis may have a million keys of other programs. */
const MOST_STEPS = 200;
/** How long the token of a killed sync remains, seconds. */
const TOKEN_LIFE = 86_400;

/** @param time of the copy, epoch seconds */
type IsGone = (id: TaskId, time: number) => boolean;
const NOTHING_GONE: IsGone = () => false;

/** The mirror of the store in Redis (docs/contract.md, Redis), on one node or in a cluster. */
export class Mirror {
  protected readonly commands: RedisCommands;
  #unlisted: { readonly until: number; readonly some: Promise<Member[]> } = { until: 0, some: Promise.resolve([]) };
  /** Reads records as this mirror's hashes hold them. */
  readonly parser: RecordParser;
  readonly layout: Layout;
  readonly #copies: MirrorCopies;
  #isGone: IsGone = NOTHING_GONE;

  constructor(commands: RedisCommands, rules: RecordRules) {
    this.commands = commands;
    this.parser = new RecordParser(rules);
    this.layout = rules.isPublished ? new ApiMsLayout(rules) : PLAIN;
    this.#copies = commands.isCluster ? slottedCopies(commands, this) : atomicCopies(commands, this);
  }

  /** The mirror as plans see it once some copies are removed: `size`, `copies`, and walks over members and keys. */
  without(isGone: IsGone): Mirror {
    const later = new Mirror(this.commands, this.parser.rules);
    later.#isGone = isGone;
    return later;
  }

  get where(): string {
    return this.commands.where;
  }

  /** Resolves with the reason when the connection is lost. */
  get lost(): Promise<TtsctlError> {
    return this.commands.lost;
  }

  close(): void {
    this.commands.close();
  }

  /** When the last full sync ended; null: never, or Redis was flushed since. */
  async syncedAt(): Promise<string | null> {
    return (await this.commands.command("GET", SYNCED_KEY)) as string | null;
  }

  /** The states of indexes, of users or (undefined) of all, which show a loss of members. */
  async standings(users: readonly (string | undefined)[]): Promise<Standing[]> {
    const keys = users.map((userId) => this.layout.indexKey(userId));
    const [at, counts, ...members] = await this.#all(
      ["GET", SYNCED_KEY],
      ["HMGET", COUNTED_KEY, INDEX_KEY, ...keys],
      ...keys.map((key): Command => ["ZCARD", key]),
    );
    const [all, ...own] = counts as (string | null)[];
    return members.map((size, i) => {
      return { syncedAt: at as string | null, members: size as number, counted: all == null ? null : Number(own[i]) };
    });
  }

  /** Counts the members of indexes, of users and (undefined) of all. @param isWhole whether these are all users */
  async recount(users: Iterable<string | undefined>, isWhole = false): Promise<void> {
    if (isWhole) await this.commands.command("DEL", COUNTED_KEY);
    for (const some of batches(users, COUNTED_AT_ONCE)) {
      const keys = some.map((userId) => this.layout.indexKey(userId));
      const sizes = unlessFatal(await this.commands.pipeline(keys.map((key) => ["ZCARD", key])));
      const pairs = keys.flatMap((key, i) => (typeof sizes[i] === "number" ? [key, sizes[i]] : []));
      if (pairs.length > 0) await this.commands.command("HSET", COUNTED_KEY, ...pairs);
    }
  }

  /** Changes nothing. @throws TtsctlError REDIS_* if the server, such as a replica, refuses all writes; without memory it still removes */
  async tryWrite(): Promise<void> {
    const isFull = hasCode("REDIS_OUT_OF_MEMORY");
    await this.commands.command("ZADD", INDEX_KEY, "XX", "0", "").catch(valueIf(isFull, null));
  }

  /** Sets a token that a flush of the server removes. What it returns marks the end of a full sync: false after a flush since then. */
  async beginSync(): Promise<(when: string) => Promise<boolean>> {
    const token = randomUUID();
    await this.commands.command("SET", SYNCING_KEY, token, "EX", TOKEN_LIFE);
    return async (when) => {
      if ((await this.commands.command("GET", SYNCING_KEY)) !== token) return false;
      await this.#all(["DEL", SYNCING_KEY], ["SET", SYNCED_KEY, when]);
      return true;
    };
  }

  /** Subscribes to the notifications of hashes; the connection is for nothing else. Returns why Redis doesn't send them. */
  async hear(db: number, heard: (id: TaskId) => void): Promise<string | null> {
    const { commands } = this;
    if (commands.subscribe === undefined) return "each node of a cluster has its own notifications";
    try {
      const reply = await commands.command("CONFIG", "GET", "notify-keyspace-events");
      const flags = Array.isArray(reply) ? String(reply[1] ?? "") : "";
      // Changes of hashes (`h`) and deletions of keys (`g`), in either form.
      const isSent = /[KE]/.test(flags) && (flags.includes("A") || (flags.includes("h") && flags.includes("g")));
      if (!isSent) return `its notify-keyspace-events is ${JSON.stringify(flags)}`;
      const { prefix = "" } = commands;
      const byKey = flags.includes("K");
      const space = `__keyspace@${db}__:`;
      const pattern = byKey ? `${space}${prefix}${TASK_PREFIX}*` : `__keyevent@${db}__:*`;
      await commands.subscribe(pattern, (channel, message) => {
        const key = byKey ? channel.slice(space.length) : message;
        const name = key.startsWith(prefix) ? this.layout.readKey(key.slice(prefix.length)) : null;
        if (name !== null && "task" in name) heard(name.task);
      });
      return null;
    } catch (error) {
      if (error instanceof ServerError) return error.message;
      throw error;
    }
  }

  /** The server's clock, epoch seconds; in a cluster the median of its primaries. */
  async time(): Promise<number> {
    const replies = await this.commands.each("TIME");
    const times = allOf(replies.map(({ reply }) => reply as string[])).map(([s, us]) => Number(s) + Number(us) / 1e6);
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
  }

  async size(userId: string | undefined): Promise<number> {
    if (this.#isGone === NOTHING_GONE) {
      return (await this.commands.command("ZCARD", this.layout.indexKey(userId))) as number;
    }
    let count = 0;
    for await (const members of this.walkMembers(userId)) count += members.length;
    return count;
  }

  /** Some members of a range, newest first (equal scores: by member, descending), and how many members the range has. */
  async page(range: IndexRange, offset: number, count: number): Promise<{ total: number; members: Member[] }> {
    const key = this.layout.indexKey(range.userId);
    const { low, high } = boundsOf(range);
    // Before Redis 7, LIMIT passes over the members before a page one by one.
    const isWhole = range.since === null && range.until === null && count > 0;
    const wanted = isWhole
      ? [offset, offset + count - 1, "REV"]
      : [high, low, "BYSCORE", "REV", "LIMIT", offset, count];
    const [total, flat] = await this.#all(["ZCOUNT", key, low, high], ["ZRANGE", key, ...wanted, "WITHSCORES"]);
    return { total: total as number, members: membersOf(flat as string[], range.userId, this.layout) };
  }

  async newest(userId: string | undefined, count: number): Promise<Member[]> {
    return (await this.page({ userId, since: null, until: null }, 0, count)).members;
  }

  /** Some members of the global index, and if they are few, also some tasks with a status that only hashes show: their scores are unknown. */
  async withUnlisted(listed: readonly Member[]): Promise<readonly Member[]> {
    if (listed.length >= LEAST_STRANGE) return listed;
    const now = systemClock.monotonic();
    // The checks of a run ask for them one after the other.
    if (now >= this.#unlisted.until) this.#unlisted = { until: now + 1, some: this.#findUnlisted() };
    const known = new Set(listed.map(keyOf));
    return [...listed, ...(await this.#unlisted.some).filter((id) => !known.has(keyOf(id)))];
  }

  async #findUnlisted(): Promise<Member[]> {
    const some: Member[] = [];
    let steps = 0;
    for await (const ids of this.walkHashes(new Set())) {
      const statuses = await this.statuses(ids.slice(0, SAMPLE - some.length));
      statuses.forEach(
        (status, i) => void (typeof status === "string" && some.push({ ...ids[i]!, score: Number.NaN })),
      );
      if (some.length >= SAMPLE || ++steps >= MOST_STEPS) break;
    }
    return some;
  }

  /** Walks over a range of an index in the order of the scores. Members whose scores don't change come at least once. */
  walkInOrder(range: IndexRange, order: "newest" | "lowest" = "newest"): AsyncGenerator<readonly Member[]> {
    return ahead(this.#steps(range, order, false), ({ flat }) => this.#members(flat, range.userId));
  }

  /** @param looks whether it looks at the copies too, the lowest score first */
  async *#steps(range: IndexRange, order: "newest" | "lowest", looks: boolean): AsyncGenerator<CopyStep> {
    const { userId } = range;
    const { low, high } = boundsOf(range);
    const [part] = userId === undefined ? [""] : this.layout.parts({ userId, taskId: "" });
    const count = looks ? WALKED : STEP;
    const keys = [...(looks ? [INDEX_KEY] : []), this.layout.indexKey(userId)];
    const layout = layoutArgument(this.layout, this.commands.prefix);
    for (let last = "", score = ""; ; ) {
      const args = [layout, order, low, high, last, score, count, part];
      const reply = await this.commands.script(SCRIPTS.walk, keys, args);
      const [flat, next, times = null] = reply as [string[], string, string[]?];
      yield { flat, times };
      if (flat.length < 2 * count) return;
      [last, score] = [next, flat.at(-1)!];
    }
  }

  /** Members of a user index with `updated_at` as their score, whatever scores that index. */
  async withChangeTimes(members: readonly Member[]): Promise<readonly Member[]> {
    if (this.layout.userScoredBy === "updated_at" || members.length === 0) return members;
    const names = members.map(({ userId, taskId }) => this.layout.member(userId, taskId));
    const scores = (await this.commands.command("ZMSCORE", INDEX_KEY, ...names)) as (string | null)[];
    const times = await fillIn(
      members,
      (_, i) => (scores[i] === null ? undefined : Number(scores[i])),
      async (unindexed) => {
        const copies = await this.read(unindexed);
        return copies.map((copy, i) => (copy as Task | undefined)?.score ?? unindexed[i]!.score); // not of an error
      },
    );
    return members.map((member, i) => ({ ...member, score: times[i]! }));
  }

  /** The tasks of these ids; undefined without a usable hash. */
  async read(ids: readonly TaskId[]): Promise<Outcome<Task | undefined>[]> {
    const replies = await this.#fields(ids, this.layout.readFields);
    return replies.map((reply, i) => {
      if (reply instanceof TtsctlError) return reply;
      if (this.layout.payloadRules && ids[i]!.userId === "") return undefined; // no member as an index has them
      return this.layout.read(reply as (string | null)[], ids[i]!, this.parser);
    });
  }

  /** The status words of these ids; null without one. */
  async statuses(ids: readonly TaskId[]): Promise<Outcome<string | null>[]> {
    const replies = await this.#fields(ids, this.layout.payloadRules ? stateNames(this.layout) : ["status"]);
    return replies.map((reply) => {
      if (reply instanceof TtsctlError) return reply;
      const [status = null, updatedAt = null, payload = null] = reply as (string | null)[];
      return this.layout.stateOf([status, updatedAt, payload], this.parser).status || null;
    });
  }

  /**
   * Each copy, at most BATCH, to decide on a write or a removal and to guard it with. In a layout whose ids are quoted, a
   * hash whose name no task can have is an error, so no decision is made on it.
   */
  async copies(ids: readonly TaskId[], view: CopyView): Promise<Outcome<RedisCopy>[]> {
    const { payloadRules } = this.layout;
    const copies = await this.#copies.read(ids, view);
    const own = ({ userId, taskId }: TaskId, i: number) => {
      const copy = copies[i]!;
      if (copy instanceof TtsctlError || copy.type !== "hash") return copy;
      // A hash without `updated_at` has the time of its payload.
      if (!payloadRules) return view === "full" || copy.fields.updated_at ? copy : undefined;
      const unnamed = `${JSON.stringify(taskId)} isn't a valid task name in this layout; it is kept`;
      return userId === "" ? new TtsctlError("REDIS_FAILED", unnamed) : copy;
    };
    const found = await fillIn(ids, own, (due) => this.#copies.read(due, "full"));
    if (this.#isGone === NOTHING_GONE) return found;
    return found.map((copy, i) => {
      if (copy instanceof TtsctlError) return copy;
      const time = copy.type === "hash" ? timeOf(copy, this) : Number(copy.indexScore ?? Number.NaN);
      return this.#isGone(ids[i]!, time) ? NO_COPY : copy;
    });
  }

  /** Each copy with all that a sync writes, at most BATCH. */
  async fullCopies(ids: readonly TaskId[]): Promise<RedisCopy[]> {
    return allOf(await this.#copies.read(ids, "full"));
  }

  /** Walks over all keys of the mirror: the tasks of hashes, the users of indexes, and the task ids of lookups. Keys that exist throughout come at least once. */
  async *walkKeys() {
    const steps = ahead(this.commands.scan(["SCAN"], "MATCH", ALL_KEYS, "COUNT", STEP), (keys) => {
      const step = { tasks: [] as TaskId[], users: [] as string[], lookups: [] as string[] };
      for (const key of keys) {
        const name = this.layout.readKey(key);
        if (name === null) continue;
        if ("task" in name) step.tasks.push(name.task);
        else if ("userId" in name) step.users.push(name.userId);
        else step.lookups.push(name.lookup);
      }
      return step;
    });
    for await (const step of steps) {
      const unsure = step.tasks.filter((id) => this.#isGone(id, Number.NaN)); // their hashes show it
      const copies = await this.#batches(unsure, (some) => this.copies(some, "state"));
      const gone = new Set(unsure.filter((_, i) => copies[i] === NO_COPY).map(keyOf));
      yield gone.size === 0 ? step : { ...step, tasks: step.tasks.filter((id) => !gone.has(keyOf(id))) };
    }
  }

  /** The tasks of some users (none: of all) that have a hash, in groups: an index may lack some. */
  async *walkHashes(users: ReadonlySet<string>): AsyncGenerator<TaskId[]> {
    for await (const { tasks } of this.walkKeys()) {
      yield users.size === 0 ? tasks : tasks.filter(({ userId }) => users.has(userId));
    }
  }

  /** Whether more tasks of a user, or of all, have a hash than so many: an index with so few members has lost some. */
  async hasMore(userId: string | undefined, than: number): Promise<boolean> {
    let count = 0;
    for await (const ids of this.walkHashes(ofUser(userId).users)) {
      count += ids.length;
      if (count > than) return true;
    }
    return false;
  }

  /** Walks over an index: member and score in turn, in no order. Members that are in it throughout come at least once. */
  walkIndex(userId: string | undefined): AsyncGenerator<readonly string[]> {
    return this.#scan(userId, (flat) => flat);
  }

  /** The same as members. */
  walkMembers(userId: string | undefined): AsyncGenerator<readonly Member[]> {
    return this.#scan(userId, (flat) => this.#members(flat, userId));
  }

  #members(flat: readonly string[], userId: string | undefined): readonly Member[] {
    const members = membersOf(flat, userId, this.layout);
    return this.#isGone === NOTHING_GONE ? members : members.filter((member) => !this.#isGone(member, member.score));
  }

  /** The same with the copies, lowest score first, if one script can read both. A member that moves down may not come. */
  walkCopies(userId: string | undefined): AsyncGenerator<CopyStep> {
    const isByTime = userId === undefined || this.layout.userScoredBy === "updated_at";
    if (!isByTime || this.commands.isCluster) return this.#scan(userId, (flat) => ({ flat, times: null }));
    return ahead(this.#steps({ userId, since: null, until: null }, "lowest", true), (step) => step);
  }

  #scan<Read>(userId: string | undefined, read: (flat: readonly string[]) => Read): AsyncGenerator<Read> {
    return ahead(this.commands.scan(["ZSCAN", this.layout.indexKey(userId)], "COUNT", STEP), read);
  }

  /** The user that each task id's lookup names; null without one. */
  async lookedUp(taskIds: readonly string[]): Promise<(string | null)[]> {
    if (!this.layout.hasLookups) return taskIds.map(() => null);
    const commandOf = (taskId: string) => ["GET", this.layout.lookupKey(taskId)];
    const values = await this.#batches(taskIds, (some) => this.commands.pipeline(some.map(commandOf)));
    return values.map((value) => (typeof value === "string" ? this.layout.unquote(value) : null));
  }

  /** The tasks of all users with these ids: by the lookups, or by searches in the global index that Redis does in steps. */
  async tasksWithIds(taskIds: readonly string[]): Promise<TaskId[]> {
    if (this.layout.hasLookups) {
      const users = await this.lookedUp(taskIds);
      return taskIds.flatMap((taskId, i) => (users[i] == null ? [] : [{ userId: users[i], taskId }]));
    }
    const found: TaskId[] = [];
    for (const taskId of taskIds) {
      const pattern = `*:${this.layout.quote(taskId).replace(/[\\*?[\]]/g, "\\$&")}`;
      for await (const flat of this.commands.scan(["ZSCAN", INDEX_KEY], "COUNT", SCANNED, "MATCH", pattern)) {
        const ids = membersOf(flat, undefined, this.layout);
        for (const { userId, taskId: own } of ids) if (own === taskId && userId !== "") found.push({ userId, taskId });
      }
    }
    return uniqueTasks(found);
  }

  /** How the indexes fit the tasks whose hashes are as a sync writes them, at most BATCH; null for others. */
  fits(tasks: readonly Task[]): Promise<readonly (Fitting | null)[]> {
    return this.#fits(tasks, false);
  }

  /** The same, and sets the members that don't fit, if one script can compare and set them. */
  reindex(this: Writable<Mirror>, tasks: readonly Task[]): Promise<readonly (Fitting | null)[]> {
    return this.#fits(tasks, true);
  }

  async #fits(tasks: readonly Task[], sets: boolean): Promise<readonly (Fitting | null)[]> {
    if (this.#copies.fits !== undefined) return this.#copies.fits(tasks, sets);
    return (await this.#copies.read(tasks, "full")).map((copy, i) => {
      const isCopy = !(copy instanceof TtsctlError) && isWhole(copy, this.parser);
      if (!isCopy || !sameContent(copy, tasks[i]!, this)) return null;
      const [inIndex, inUserIndex] = [copy.indexScore !== null, copy.userScore !== null];
      return { fit: fitOf(copy, tasks[i]!, this), inIndex, inUserIndex, isSet: false };
    });
  }

  /** Guarded writes, at most BATCH: true if written, false if the hash changed since it was seen. */
  async upsert(this: Writable<Mirror>, upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    return this.#copies.upsert(upserts);
  }

  /** Guarded removals, at most BATCH: true if removed, false if the copy changed since it was seen. */
  async remove(this: Writable<Mirror>, removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    return this.#copies.remove(removals);
  }

  /** Random members of the index, at most `count`. */
  async someIds(count: number): Promise<TaskId[]> {
    const members = (await this.commands.command("ZRANDMEMBER", INDEX_KEY, count)) as string[];
    return members.map((member) => this.layout.splitMember(member));
  }

  /**
   * Random members of the index and what shows which program wrote them: the scores in both indexes, epoch seconds, and the texts of the hash.
   * Of a task that this index lacks, the score in its user's, if that has the same times.
   */
  async sample() {
    const flat = await this.commands.command("ZRANDMEMBER", INDEX_KEY, SAMPLE, "WITHSCORES");
    const members = await this.withUnlisted(membersOf(flat as string[], undefined, this.layout));
    const isByUpdate = this.layout.userScoredBy === "updated_at";
    const commands = members.flatMap(({ userId, taskId }): Command[] => [
      ["HMGET", this.layout.taskKey(userId, taskId), "updated_at", "created_at"],
      ["ZSCORE", this.layout.indexKey(userId), this.layout.quote(taskId)],
      ["EXISTS", LOOKUP_PREFIX + this.layout.member(userId, taskId).replace(/^[^:]*:/, "")],
    ]);
    const replies = await this.commands.pipeline(commands);
    unlessFatal(replies.filter((_, i) => i % 3 === 0)); // the others are only needed for details
    return members.map(({ score }, i) => {
      const [times, own, lookup] = replies.slice(3 * i, 3 * i + 3);
      const [updatedAt = null, createdAt = null] = Array.isArray(times) ? (times as (string | null)[]) : [];
      const userScore = typeof own === "string" ? Number(own) : Number.NaN;
      const known = Number.isNaN(score) && isByUpdate ? userScore : score;
      return { score: known, userScore, updatedAt, createdAt, hasLookup: lookup === 1 };
    });
  }

  /** Replies to commands in one round trip. @throws TtsctlError the first error */
  async #all(...commands: readonly Command[]): Promise<Reply[]> {
    return allOf(await this.commands.pipeline(commands));
  }

  #fields(ids: readonly TaskId[], names: readonly string[]): Promise<Reply[]> {
    const commandOf = ({ userId, taskId }: TaskId) => ["HMGET", this.layout.taskKey(userId, taskId), ...names];
    return this.#batches(ids, (some) => {
      if (some.length > 1 && this.#copies.fields !== undefined) return this.#copies.fields(some, names);
      return this.commands.pipeline(some.map(commandOf));
    });
  }

  /** A reply for each item, BATCH in a round trip. @throws TtsctlError that every command would get */
  async #batches<T, R>(items: readonly T[], ask: (some: readonly T[]) => Promise<R[]>): Promise<R[]> {
    const replies: R[] = [];
    for (const some of batches(items, BATCH)) replies.push(...(await ask(some)));
    unlessFatal(replies);
    return replies;
  }
}

/** `since <= score < until` as Redis takes it. */
function boundsOf({ since, until }: IndexRange): { low: string; high: string } {
  return { low: since === null ? "-inf" : String(since), high: until === null ? "+inf" : `(${until}` };
}
