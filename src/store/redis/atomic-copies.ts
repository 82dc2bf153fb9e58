import { TtsctlError } from "../../errors.ts";
import type { RecordParser } from "../../task/parse.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import {
  BATCH,
  type Expected,
  type GuardedRemoval,
  type IndexPage,
  type MirrorCopies,
  type Outcome,
  type PageQuery,
  scoresOf,
  type Upsert,
} from "./copies.ts";
import { isFatal } from "./errors.ts";
import { type Inspection, inspectionOf } from "./inspection.ts";
import { INDEX_KEY } from "./keys.ts";
import { indexKey, type Layout, stateNames } from "./layout.ts";
import { type Look, looksOf } from "./look.ts";
import { AFRESH, AS_USUAL, INDEX_ONLY, removeArgs, upsertArgs, WITH_HASH, WITHOUT_HASH } from "./lua-changing.ts";
import { INSPECT_ARGS, inspectItems, LOOK_ARGS, SEE_ARGS } from "./lua-reading.ts";
import { isUnsure, membersOf } from "./members.ts";
import { checkReply, INTEGER, listBeginning, listOf, orError, type ReplyShape, TEXT } from "./reply-shape.ts";
import type { Script } from "./script.ts";
import { type LayoutScripts, layoutScripts, PAGE } from "./scripts.ts";
import { type SeenCopy, seenCopiesOf } from "./seen-copy.ts";
import { type CopyCursor, type CopyStep, cursorBehind, isBehind, placeOf, START } from "./walk.ts";

/** Copies on one node: hash, both index members and the lookup change together, in one script for a whole batch. */
export class AtomicCopies implements MirrorCopies {
  readonly #commands: RedisCommands;
  readonly #layout: Layout;
  readonly #parser: RecordParser;
  readonly #scripts: LayoutScripts;
  #mayReadByScript = true;

  constructor(commands: RedisCommands, layout: Layout, parser: RecordParser) {
    this.#commands = commands;
    this.#layout = layout;
    this.#parser = parser;
    this.#scripts = layoutScripts(layout);
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

  async look(ids: readonly Expected[]): Promise<Outcome<Look>[]> {
    if (ids.length === 0) return [];
    const args = ids.flatMap((id) => [...this.#layout.parts(id), id.score ?? ""]);
    const scores = ids.map(({ score }) => score);
    const lines: ReplyShape = (reply) => typeof reply === "string" && reply.split("\n").length === ids.length;
    const reply = await this.#call(
      this.#scripts.look,
      ids,
      args,
      LOOK_ARGS,
      listBeginning(lines, listOf(orError(TEXT))),
    );
    return looksOf(reply, scores, this.#layout, this.#parser);
  }

  async see(ids: readonly TaskId[]): Promise<Outcome<SeenCopy>[]> {
    const width = stateNames(this.#layout).length;
    const fits = listBeginning(listOf(SEEN, ids.length * width), listOf(SEEN));
    const reply = await this.#call(this.#scripts.see, ids, this.#partsOf(ids), SEE_ARGS, fits);
    return seenCopiesOf(reply, ids.length, width);
  }

  async matches(tasks: readonly Task[]): Promise<boolean[]> {
    const args: string[] = [];
    for (const task of tasks) args.push(...this.#layout.valuesOf(task));
    if (tasks.length === 0) return [];
    const keys = tasks.map(({ userId, taskId }) => this.#layout.taskKey(userId, taskId));
    const flags = (await this.#commands.script(this.#scripts.match, keys, args)) as string;
    return tasks.map((_, i) => flags[i] === "1");
  }

  async inspect(ids: readonly TaskId[]): Promise<Inspection[]> {
    const width = inspectItems(this.#layout);
    const fits = listOf(TEXT, ids.length * width);
    const reply = await this.#call(this.#scripts.inspect, ids, this.#partsOf(ids), INSPECT_ARGS, fits);
    return itemsOf(reply, ids, width).map((items) => inspectionOf(items, this.#layout));
  }

  async upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    const layout = this.#layout;
    const args: (string | number)[] = [];
    for (const upsert of upserts) {
      const { task, seen } = upsert;
      const [score, userScore] = scoresOf(upsert, layout);
      args.push(seen ?? "", howToWrite(upsert), score);
      if (layout.userScoredBy !== "updated_at") args.push(userScore);
      if (!layout.partsAreIds) args.push(...layout.parts(task));
      for (const value of layout.valuesOf(task)) args.push(value);
    }
    const tasks = upserts.map(({ task }) => task);
    return flagsOf(
      await this.#call(this.#scripts.upsert, tasks, args, upsertArgs(layout), listOf(orError(INTEGER), tasks.length)),
    );
  }

  async remove(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    const layout = this.#layout;
    const args: string[] = [];
    for (const { id, seen } of removals) {
      args.push(...layout.parts(id));
      if (seen.exists) args.push(WITH_HASH + seen.status, seen.updatedAt);
      else args.push(WITHOUT_HASH + seen.score, seen.userScore);
      if (layout.payloadRules) args.push(seen.payload);
    }
    const ids = removals.map(({ id }) => id);
    return flagsOf(
      await this.#call(this.#scripts.remove, ids, args, removeArgs(layout), listOf(orError(INTEGER), ids.length)),
    );
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
    const reply = await this.#commands.script(this.#scripts.walk, keys, [...placeOf(cursor), BATCH, part]);
    const [flat, times, last] = reply as [string[], string[], string];
    const reached = flat.length === 0 ? START : cursorBehind(last, flat.at(-1)!);
    const isOver = flat.length < 2 * BATCH || (until !== undefined && isBehind(reached, until));
    return { cursor: isOver ? START : reached, reached, flat, times };
  }

  async #page({ userId, range, offset, count }: PageQuery): Promise<IndexPage> {
    const layout = this.#layout;
    const args = [range.since ?? "", range.until ?? "", offset, count, layout.keyBefore(userId), ...layout.readFields];
    const reply = (await this.#commands.script(PAGE, [indexKey(layout, userId)], args)) as Reply[];
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

  #partsOf(ids: readonly TaskId[]): string[] {
    return ids.flatMap((id) => this.#layout.parts(id));
  }

  /** What a script says of these tasks, from `width` values a task. */
  async #call(
    script: Script,
    ids: readonly TaskId[],
    args: readonly (string | number)[],
    width: number,
    fits: ReplyShape,
  ): Promise<Reply> {
    if (args.length !== ids.length * width) {
      throw new TtsctlError("INTERNAL", `a Lua call got ${args.length} values for ${ids.length} tasks`);
    }
    if (ids.length === 0) return [];
    const reply = await this.#commands.script(script, [INDEX_KEY], args);
    checkReply(reply, fits, "a script", this.#commands.where);
    return reply;
  }
}

/** What `see` says of a copy: its texts, 0 for none, 1 for a lookup that names it. */
const SEEN: ReplyShape = (reply) => !Array.isArray(reply);

/** Up to how many members before its middle an index is walked over in one go. */
const SMALL = 4 * BATCH;

/** The second of the values of an upsert. */
function howToWrite({ seenStatus, indexOnly, afresh }: Upsert): string {
  const how = indexOnly ? INDEX_ONLY : afresh ? AFRESH : "";
  return seenStatus === undefined ? how : `${how || AS_USUAL}=${seenStatus}`;
}

/** The answers of a script, `width` items a task. */
function itemsOf(reply: Reply, ids: readonly TaskId[], width: number): Reply[][] {
  return ids.map((_, i) => (reply as Reply[]).slice(i * width, (i + 1) * width));
}

function throwIfFatal(error: TtsctlError): TtsctlError {
  if (isFatal(error)) throw error;
  return error;
}

function flagsOf(reply: Reply): Outcome<boolean>[] {
  return (reply as Reply[]).map((item) => (item instanceof TtsctlError ? item : item === 1));
}
