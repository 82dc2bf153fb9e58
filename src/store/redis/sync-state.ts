import { batches } from "../../pool.ts";
import { COUNTED_KEY, SYNCED_KEY, SYNCING_KEY } from "../layout/keys.ts";
import type { Layout } from "../layout/layout.ts";
import type { Command, RedisCommands, Reply, Script } from "./commands.ts";
import { allOf } from "./errors.ts";
import { SCRIPTS, SLOT_SCRIPTS } from "./scripts.ts";
import { SLOTS, slotOf, tagOf } from "./slots.ts";

/** How many tasks of a user, or in all, the file had when they were counted, and the version of the file. */
export interface Counted {
  /** Size and time of the file, as text. */
  readonly version: string;
  /** Null if the file had none of that user. */
  readonly count: number | null;
}

/** The state of an index. */
export interface Standing {
  /** When the last full sync ended; null: never, or lost since. */
  readonly syncedAt: string | null;
  readonly members: number;
  readonly counted: Counted | null;
}

/** The field of the counts that names the version of the file; the others are the keys of indexes. */
const VERSION = "file";
const PAIRS_AT_ONCE = 500;
const MARKS_AT_ONCE = 1024;
/** How long the token of a killed sync remains, seconds. */
const TOKEN_LIFE = 86_400;

/**
 * The part of the mirror about syncs: the mark of the last full sync, which a flush removes with the data, the token of a
 * running one, and the counts of the file.
 *
 * In a cluster, a single node may lose its data, and slots move between nodes. So each slot has its own mark
 * (`tts:ttsctl:synced:{tag}`, a hash of some 100 bytes with the token) and its own counts, which move and are lost with the
 * indexes of that slot. The single mark is there for others to see.
 */
export abstract class SyncState {
  protected readonly commands: RedisCommands;

  constructor(commands: RedisCommands) {
    this.commands = commands;
  }

  abstract get layout(): Layout;

  /** When the last full sync ended; null: never, or the index of a user, or (undefined) of all, was lost since. */
  async syncedAt(userId: string | undefined): Promise<string | null> {
    return (await this.commands.command(...this.#markQuery(this.layout.indexKey(userId)))) as string | null;
  }

  /** The state of an index, of a user or (undefined) of all, which shows a loss of members. */
  async standing(userId: string | undefined): Promise<Standing> {
    const key = this.layout.indexKey(userId);
    const [at, counts, members] = allOf(
      await this.commands.pipeline([
        this.#markQuery(key),
        ["HMGET", this.#keyBeside(COUNTED_KEY, key), VERSION, key],
        ["ZCARD", key],
      ]),
    );
    const [version, count] = counts as (string | null)[];
    const counted = version == null ? null : { version, count: count == null ? null : Number(count) };
    return { syncedAt: at as string | null, members: members as number, counted };
  }

  /** Stores how many tasks the file has, and its version; that is written last, since without it nothing counts. */
  async keepCounts(
    { all, users }: { all: number; users: ReadonlyMap<string, number> },
    version: string,
  ): Promise<void> {
    const byKey = new Map<string, (string | number)[]>();
    for (const [userId, count] of [[undefined, all] as const, ...users]) {
      const index = this.layout.indexKey(userId);
      const key = this.#keyBeside(COUNTED_KEY, index);
      const pairs = byKey.get(key) ?? [];
      pairs.push(index, count);
      byKey.set(key, pairs);
    }
    const commands: Command[] = [];
    for (const [key, pairs] of byKey) {
      commands.push(["DEL", key]);
      for (const some of batches(pairs, 2 * PAIRS_AT_ONCE)) commands.push(["HSET", key, ...some]);
      commands.push(["HSET", key, VERSION, version]);
    }
    allOf(await this.commands.pipeline(commands));
  }

  /** Sets a token that a flush of the server removes. */
  async beginSync(token: string): Promise<void> {
    if (this.commands.isCluster) await this.#forSlots(SLOT_SCRIPTS.beginSync, token);
    else await this.commands.command("SET", SYNCING_KEY, token, "EX", TOKEN_LIFE);
  }

  /** Marks the end of a full sync: sets each mark whose token is still there. False if a server was flushed since it began. */
  async endSync(token: string, when: string): Promise<boolean> {
    if (!this.commands.isCluster) {
      return (await this.commands.script(SCRIPTS.endSync, [SYNCING_KEY, SYNCED_KEY], [token, when])) === 1;
    }
    const all = (await this.#forSlots(SLOT_SCRIPTS.endSync, token, when)).every((reply) => reply === 1);
    if (all) await this.commands.command("SET", SYNCED_KEY, when);
    return all;
  }

  async #forSlots(script: Script, ...args: string[]): Promise<Reply[]> {
    const runs = Array.from({ length: SLOTS }, (_, slot) => ({ keys: [`${SYNCED_KEY}:{${tagOf(slot)}}`], args }));
    const replies: Reply[] = [];
    for (const some of batches(runs, MARKS_AT_ONCE)) replies.push(...(await this.commands.scripts(script, some)));
    return allOf(replies);
  }

  #markQuery(index: string): Command {
    const key = this.#keyBeside(SYNCED_KEY, index);
    return this.commands.isCluster ? ["HGET", key, "at"] : ["GET", key];
  }

  /** In a cluster the key with that name in the slot of an index. */
  #keyBeside(name: string, index: string): string {
    const { isCluster, prefix = "" } = this.commands;
    return isCluster ? `${name}:{${tagOf(slotOf(prefix + index))}}` : name;
  }
}
