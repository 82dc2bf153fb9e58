import { batches } from "../../pool.ts";
import { COUNTED_KEY, SYNCED_KEY, SYNCING_KEY } from "../layout/keys.ts";
import type { Command, RedisCommands, Reply, Script } from "./commands.ts";
import { allOf } from "./errors.ts";
import { SCRIPTS, SLOT_SCRIPTS } from "./scripts.ts";
import { allTags, slotOf, tagOf } from "./slots.ts";

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
/** How many marks one round trip sets. */
const MARKS_AT_ONCE = 1024;
/** Seconds; a sync that was killed leaves its token that long. */
const TOKEN_LIFE = 86_400;

/**
 * What Redis knows of syncs: the mark of the last full sync (`tts:ttsctl:synced`), which a flush removes with the data, the
 * token of a running one, and how many tasks the file has (`tts:ttsctl:counted`, a hash).
 *
 * In a cluster a node may lose its data alone, and slots move between nodes. So each slot has a mark of its own
 * (`tts:ttsctl:synced:{tag}`, a hash of some 100 bytes with the token) and counts of its own, which move and go with the
 * indexes of that slot. The single mark is there for others to see.
 */
export class SyncState {
  readonly #commands: RedisCommands;

  constructor(commands: RedisCommands) {
    this.#commands = commands;
  }

  /** When the last full sync ended; null: never, or the slot of an index was lost since. */
  async syncedAt(indexKey: string): Promise<string | null> {
    return (await this.#commands.command(...this.#markQuery(indexKey))) as string | null;
  }

  async standing(indexKey: string): Promise<Standing> {
    const [at, counts, members] = allOf(
      await this.#commands.pipeline([
        this.#markQuery(indexKey),
        ["HMGET", this.#keyBeside(COUNTED_KEY, indexKey), VERSION, indexKey],
        ["ZCARD", indexKey],
      ]),
    );
    const [version, count] = counts as (string | null)[];
    const counted = version == null ? null : { version, count: count == null ? null : Number(count) };
    return { syncedAt: at as string | null, members: members as number, counted };
  }

  /** Replaces all counts. The version is written last: without it nothing counts. @param counts by the keys of the indexes */
  async keepCounts(counts: ReadonlyMap<string, number>, version: string): Promise<void> {
    const { isCluster } = this.#commands;
    const tags = isCluster ? allTags() : [];
    const byKey = new Map<string, (string | number)[]>(isCluster ? [] : [[COUNTED_KEY, []]]);
    for (const [indexKey, count] of counts) {
      const key = isCluster ? `${COUNTED_KEY}:{${tags[this.#slotOf(indexKey)]}}` : COUNTED_KEY;
      const pairs = byKey.get(key) ?? [];
      pairs.push(indexKey, count);
      byKey.set(key, pairs);
    }
    const commands: Command[] = [];
    for (const [key, pairs] of byKey) {
      commands.push(["DEL", key]);
      for (const some of batches(pairs, 2 * PAIRS_AT_ONCE)) commands.push(["HSET", key, ...some]);
      commands.push(["HSET", key, VERSION, version]);
    }
    allOf(await this.#commands.pipeline(commands));
  }

  /** Sets a token that a flush removes. */
  async begin(token: string): Promise<void> {
    if (this.#commands.isCluster) await this.#forSlots(SLOT_SCRIPTS.beginSync, token);
    else await this.#commands.command("SET", SYNCING_KEY, token, "EX", TOKEN_LIFE);
  }

  /** Sets each mark whose token is still there; false if one isn't. */
  async end(token: string, when: string): Promise<boolean> {
    if (!this.#commands.isCluster) {
      return (await this.#commands.script(SCRIPTS.endSync, [SYNCING_KEY, SYNCED_KEY], [token, when])) === 1;
    }
    const all = (await this.#forSlots(SLOT_SCRIPTS.endSync, token, when)).every((reply) => reply === 1);
    if (all) await this.#commands.command("SET", SYNCED_KEY, when);
    return all;
  }

  async #forSlots(script: Script, ...args: string[]): Promise<Reply[]> {
    const runs = allTags().map((tag) => ({ keys: [`${SYNCED_KEY}:{${tag}}`], args }));
    const replies: Reply[] = [];
    for (const some of batches(runs, MARKS_AT_ONCE)) replies.push(...(await this.#commands.scripts(script, some)));
    return allOf(replies);
  }

  #markQuery(indexKey: string): Command {
    const key = this.#keyBeside(SYNCED_KEY, indexKey);
    return this.#commands.isCluster ? ["HGET", key, "at"] : ["GET", key];
  }

  /** In a cluster the key with that name in the slot of an index. */
  #keyBeside(name: string, indexKey: string): string {
    return this.#commands.isCluster ? `${name}:{${tagOf(this.#slotOf(indexKey))}}` : name;
  }

  #slotOf(indexKey: string): number {
    return slotOf((this.#commands.prefix ?? "") + indexKey);
  }
}
