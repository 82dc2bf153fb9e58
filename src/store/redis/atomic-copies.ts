import { TtsctlError } from "../../errors.ts";
import type { RecordParser } from "../../task/parse.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import type { Expected, GuardedRemoval, IndexPage, MirrorCopies, Outcome, PageQuery, Upsert } from "./copies.ts";
import { isFatal } from "./errors.ts";
import { type Inspection, inspectionOf } from "./inspection.ts";
import { INDEX_KEY } from "./keys.ts";
import { indexKey, type Layout } from "./layout.ts";
import { type Look, looksOf } from "./look.ts";
import { REMOVE_ARGS, UPSERT_GUARDS } from "./lua-changing.ts";
import { INSPECT_ARGS, inspectItems, LOOK_ARGS, SEE_ARGS, SEE_ITEMS } from "./lua-reading.ts";
import { membersOf } from "./members.ts";
import type { Script } from "./script.ts";
import { type LayoutScripts, layoutScripts, PAGE } from "./scripts.ts";
import { type SeenCopy, seenCopyOf } from "./seen-copy.ts";

/** Copies on one node: hash, both index members and the lookup change together, in one script for a whole batch. */
export class AtomicCopies implements MirrorCopies {
  readonly #commands: RedisCommands;
  readonly #layout: Layout;
  readonly #parser: RecordParser;
  readonly #scripts: LayoutScripts;
  #mayRunPages = true;

  constructor(commands: RedisCommands, layout: Layout, parser: RecordParser) {
    this.#commands = commands;
    this.#layout = layout;
    this.#parser = parser;
    this.#scripts = layoutScripts(layout);
  }

  async page(query: PageQuery): Promise<IndexPage | null> {
    if (!this.#mayRunPages) return null;
    try {
      return await this.#page(query);
    } catch (error) {
      if (!(error instanceof TtsctlError) || error.code !== "REDIS_DENIED") throw error;
      this.#mayRunPages = false; // a user who may read, but run no script
      return null;
    }
  }

  async look(ids: readonly Expected[]): Promise<Outcome<Look>[]> {
    if (ids.length === 0) return [];
    const args = ids.flatMap((id) => {
      const [member, ...names] = this.#names(id);
      return [id.isIndexed && this.#layout.lookup === undefined ? "" : member, ...names, id.score ?? ""];
    });
    const scores = ids.map(({ score }) => score);
    return looksOf(await this.#call(this.#scripts.look, ids, args, LOOK_ARGS), scores, this.#layout, this.#parser);
  }

  async see(ids: readonly TaskId[]): Promise<Outcome<SeenCopy>[]> {
    const reply = await this.#call(this.#scripts.see, ids, this.#namesOf(ids), SEE_ARGS);
    return itemsOf(reply, ids, SEE_ITEMS).map(seenCopyOf);
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
    const reply = await this.#call(this.#scripts.inspect, ids, this.#namesOf(ids), INSPECT_ARGS);
    return itemsOf(reply, ids, inspectItems(this.#layout)).map((items) => inspectionOf(items, this.#layout));
  }

  async upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    const layout = this.#layout;
    const args: (string | number)[] = [];
    for (const { task, seen, seenStatus, indexOnly, afresh } of upserts) {
      const [member, userMember, looksUp] = this.#names(task);
      args.push(seen ?? "", task.score, member, userMember);
      args.push(seenStatus === undefined ? "" : `=${seenStatus}`, indexOnly ? 1 : 0, afresh ? 1 : 0, looksUp);
      args.push(...layout.valuesOf(task));
    }
    const tasks = upserts.map(({ task }) => task);
    return flagsOf(await this.#call(this.#scripts.upsert, tasks, args, UPSERT_GUARDS + layout.fields.length));
  }

  async remove(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    const args = removals.flatMap(({ id, seen }) => [
      ...[seen.exists ? "1" : "0", seen.status, seen.updatedAt, seen.payload, seen.score, seen.userScore],
      ...this.#names(id),
    ]);
    const ids = removals.map(({ id }) => id);
    return flagsOf(await this.#call(this.#scripts.remove, ids, args, REMOVE_ARGS));
  }

  async #page({ userId, range, offset, count }: PageQuery): Promise<IndexPage> {
    const layout = this.#layout;
    const args = [range.since ?? "", range.until ?? "", offset, count, layout.keyBefore(userId), ...layout.readFields];
    const reply = (await this.#commands.script(PAGE, [indexKey(layout, userId)], args)) as Reply[];
    const members = membersOf(reply[1]!, userId, layout);
    return { total: reply[0] as number, members, tasks: members.map((member, i) => this.#read(reply[i + 2]!, member)) };
  }

  #read(hash: Reply, id: TaskId): Outcome<Task | undefined> {
    if (hash instanceof TtsctlError) return throwIfFatal(hash);
    if (id.userId === "") return undefined; // no member as an index has them
    return this.#layout.read(hash as (string | null)[], id, this.#parser);
  }

  /** Its members of the global index and of its user's, and what its lookup should hold. */
  #names({ userId, taskId }: TaskId): [string, string, string] {
    const { lookup } = this.#layout;
    return [this.#layout.member(userId, taskId), this.#layout.userMember(taskId), lookup?.value(userId) ?? ""];
  }

  #namesOf(ids: readonly TaskId[]): string[] {
    return ids.flatMap((id) => this.#names(id));
  }

  /** What a script says of these tasks, from `width` values a task. */
  async #call(script: Script, ids: readonly TaskId[], args: readonly (string | number)[], width: number) {
    if (args.length !== ids.length * width) {
      throw new TtsctlError("INTERNAL", `a Lua call got ${args.length} values for ${ids.length} tasks`);
    }
    return ids.length === 0 ? [] : this.#commands.script(script, this.#keys(ids), args);
  }

  #keys(ids: readonly TaskId[]): string[] {
    const keys = [INDEX_KEY];
    for (const { userId, taskId } of ids) {
      keys.push(this.#layout.taskKey(userId, taskId), this.#layout.userIndexKey(userId));
    }
    const { lookup } = this.#layout;
    if (lookup !== undefined) for (const { taskId } of ids) keys.push(lookup.key(taskId));
    return keys;
  }
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
