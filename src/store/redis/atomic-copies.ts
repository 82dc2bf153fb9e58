import { TtsctlError } from "../../errors.ts";
import type { RecordParser } from "../../task/parse.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import {
  BATCH,
  type GuardedRemoval,
  type IndexPage,
  type MirrorCopies,
  type Outcome,
  type PageQuery,
  scoresOf,
  type Upsert,
} from "./copies.ts";
import { type CopyView, copyOf, fieldsOf, type RedisCopy } from "./copy.ts";
import { isFatal } from "./errors.ts";
import { INDEX_KEY } from "./keys.ts";
import { type CopyReading, indexKey, type Layout } from "./layout.ts";
import { isUnsure, membersOf } from "./members.ts";
import { checkReply, listOf, orError, TEXT } from "./reply-shape.ts";
import type { Script } from "./script.ts";
import { layoutArgument, SCRIPTS } from "./scripts.ts";
import { type CopyCursor, type CopyStep, cursorBehind, isBehind, placeOf, START } from "./walk.ts";

/** Copies on one node: hash, both index members and the lookup change together, in one script for a whole batch. */
export class AtomicCopies implements MirrorCopies {
  readonly #commands: RedisCommands;
  readonly #layout: Layout;
  readonly #parser: RecordParser;
  readonly #layoutArgument: string;
  #mayReadByScript = true;

  constructor(commands: RedisCommands, { layout, parser }: CopyReading) {
    this.#commands = commands;
    this.#layout = layout;
    this.#parser = parser;
    this.#layoutArgument = layoutArgument(layout, commands.prefix);
  }

  page(query: PageQuery): Promise<IndexPage | null> {
    return this.#ifAllowed(() => this.#page(query));
  }

  async walk(from: CopyCursor): Promise<CopyStep | null> {
    if (from.userId !== undefined && this.#layout.userScoredBy !== "updated_at") return null;
    return this.#ifAllowed(() => this.#walk(from));
  }

  async middleOf(userId: string | undefined): Promise<string | null> {
    const key = indexKey(this.#layout, userId);
    const middle = Math.floor(((await this.#commands.command("ZCARD", key)) as number) / 2);
    if (middle < SMALL) return null;
    const [member, score] = (await this.#commands.command("ZRANGE", key, middle, middle, "WITHSCORES")) as string[];
    // Bytes that are no UTF-8 are not known here: one walk will do.
    return member === undefined || isUnsure(member) ? null : cursorBehind(Buffer.from(member).toString("hex"), score!);
  }

  async read(ids: readonly TaskId[], view: CopyView): Promise<Outcome<RedisCopy>[]> {
    if (ids.length === 0) return [];
    const names = fieldsOf(view, this.#layout);
    const args = [view, names.length, ...names, ...ids.flatMap((id) => this.#layout.parts(id))];
    const [hashes, places] = (await this.#call(SCRIPTS.copies, args)) as [Reply[], Reply[]];
    const width = 1 + names.length;
    this.#expectItems(hashes, ids.length * width, (item, i) => i % width === 0 || TEXT(item));
    let next = 0;
    return ids.map((_, i) => {
      const hash = hashes.slice(i * width, (i + 1) * width);
      const from = next;
      if (view !== "state" || hash[0] === 0) next += PLACES;
      return copyOf(hash, places.slice(from, next), names, view);
    });
  }

  async matches(tasks: readonly Task[]): Promise<boolean[]> {
    if (tasks.length === 0) return [];
    const { fields } = this.#layout;
    const args: (string | number)[] = [fields.length, ...fields];
    for (const task of tasks) args.push(...this.#layout.valuesOf(task));
    const keys = tasks.map(({ userId, taskId }) => this.#layout.taskKey(userId, taskId));
    const flags = (await this.#commands.script(SCRIPTS.matches, keys, args)) as string;
    return tasks.map((_, i) => flags[i] === "1");
  }

  async upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    if (upserts.length === 0) return [];
    const layout = this.#layout;
    const args: (string | number)[] = [];
    for (const upsert of upserts) {
      const { task, seen } = upsert;
      const [score, userScore] = scoresOf(upsert, layout);
      args.push(seen ?? "", howToWrite(upsert), score, userScore === score ? "" : userScore);
      if (!layout.partsAreIds) args.push(...layout.parts(task));
      for (const value of layout.valuesOf(task)) args.push(value);
    }
    return this.#flags(await this.#call(SCRIPTS.upsert, args), upserts.length);
  }

  async remove(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    if (removals.length === 0) return [];
    const layout = this.#layout;
    const args: string[] = [];
    for (const { id, copy } of removals) {
      const { status, updated_at, payload } = copy.fields;
      args.push(...layout.parts(id));
      if (copy.type === "none") args.push(`-${copy.indexScore ?? ""}`, copy.userScore ?? "", "");
      else args.push(`=${status ?? ""}`, updated_at ?? "", layout.payloadRules ? (payload ?? "") : "");
    }
    return this.#flags(await this.#call(SCRIPTS.remove, args), removals.length);
  }

  /** Null for a user who may read, but run no script. */
  async #ifAllowed<T>(read: () => Promise<T>): Promise<T | null> {
    if (!this.#mayReadByScript) return null;
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof TtsctlError) || error.code !== "REDIS_DENIED") throw error;
      this.#mayReadByScript = false;
      return null;
    }
  }

  async #walk({ userId, cursor, until }: CopyCursor): Promise<CopyStep> {
    const layout = this.#layout;
    const [part] = userId === undefined ? [""] : layout.parts({ userId, taskId: "" });
    const keys = [INDEX_KEY, indexKey(layout, userId)];
    const args = [this.#layoutArgument, ...placeOf(cursor), BATCH, part];
    const reply = await this.#commands.script(SCRIPTS.walk, keys, args);
    const [flat, times, last] = reply as [string[], string[], string];
    const reached = flat.length === 0 ? START : cursorBehind(last, flat.at(-1)!);
    const isOver = flat.length < 2 * BATCH || (until !== undefined && isBehind(reached, until));
    return { cursor: isOver ? START : reached, reached, flat, times };
  }

  async #page({ userId, range, offset, count }: PageQuery): Promise<IndexPage> {
    const layout = this.#layout;
    const before = (this.#commands.prefix ?? "") + layout.keyBefore(userId);
    const args = [range.since ?? "", range.until ?? "", offset, count, before, ...layout.readFields];
    const reply = (await this.#commands.script(SCRIPTS.page, [indexKey(layout, userId)], args)) as Reply[];
    const members = membersOf(reply[1]!, userId, layout);
    const hashes = listOf(orError(listOf(TEXT, layout.readFields.length)), members.length);
    checkReply(reply.slice(2), hashes, "a script", this.#commands.where);
    return { total: reply[0] as number, members, tasks: members.map((member, i) => this.#read(reply[i + 2]!, member)) };
  }

  #read(hash: Reply, id: TaskId): Outcome<Task | undefined> {
    if (hash instanceof TtsctlError) return throwIfFatal(hash);
    if (id.userId === "") return undefined; // no member as an index has them
    return this.#layout.read(hash as (string | null)[], id, this.#parser);
  }

  #flags(reply: Reply, count: number): Outcome<boolean>[] {
    this.#expectItems(reply, count);
    return (reply as Reply[]).map((item) => (item instanceof TtsctlError ? item : item === 1));
  }

  /** A reply with other items than the tasks of the call isn't read. @throws TtsctlError REDIS_UNAVAILABLE */
  #expectItems(reply: Reply, count: number, fits: (item: Reply, i: number) => boolean = () => true): void {
    const isRight = (items: Reply) => Array.isArray(items) && items.length === count && items.every(fits);
    checkReply(reply, isRight, "a script", this.#commands.where);
  }

  /** Runs a script about tasks. */
  #call(script: Script, args: readonly (string | number)[]): Promise<Reply> {
    return this.#commands.script(script, [INDEX_KEY], [this.#layoutArgument, ...args]);
  }
}

/** Up to how many members before its middle an index is walked over in one go. */
const SMALL = 4 * BATCH;

/** How many replies `copies.lua` gives of the scores and the lookup of a task. */
const PLACES = 3;

/** The second of the values that `upsert.lua` gets for a task. */
function howToWrite({ seenStatus, indexOnly, afresh }: Upsert): string {
  const how = indexOnly ? "i" : afresh ? "a" : "";
  return seenStatus === undefined ? how : `${how || "w"}=${seenStatus}`;
}

function throwIfFatal(error: TtsctlError): TtsctlError {
  if (isFatal(error)) throw error;
  return error;
}
