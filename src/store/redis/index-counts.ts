import { TtsctlError } from "../../errors.ts";
import type { Command, RedisCommands } from "./commands.ts";
import { COUNTED_KEY } from "./keys.ts";
import { allTags, slotOf, tagOf } from "./slots.ts";

/** How many tasks the file had of a scope when they were last counted, and which content of the file that was. */
export interface Counted {
  /** Size and time of that content, as text. */
  readonly version: string;
  /** Null where the file had none of that user. */
  readonly count: number | null;
}

/** What Redis knows of an index besides its members. */
export interface Standing {
  /** When the last full sync ended; null: never, or lost since. */
  readonly syncedAt: string | null;
  readonly members: number;
  readonly counted: Counted | null;
}

/** The field that names the content of the file; the others are the keys of indexes. */
const VERSION = "file";
const PAIRS_AT_ONCE = 500;

/**
 * How many tasks the file has in all and of each user (`tts:ttsctl:counted`, a hash): a page compares the size of its
 * index with that. In a cluster there is one such hash for the slot of each index, beside it.
 */
export class IndexCounts {
  readonly #commands: RedisCommands;

  constructor(commands: RedisCommands) {
    this.#commands = commands;
  }

  /** Asks for the count of an index. */
  query(indexKey: string): Command {
    const key = this.#commands.isCluster ? slotKey(tagOf(this.#slotOf(indexKey))) : COUNTED_KEY;
    return ["HMGET", key, VERSION, indexKey];
  }

  /** What that was answered; null where nothing was counted, or it was lost. */
  read(reply: unknown): Counted | null {
    const [version, count] = reply as (string | null)[];
    return version == null ? null : { version, count: count == null ? null : Number(count) };
  }

  /** Replaces all counts. The version is written last: without it nothing counts. @param counts by the keys of the indexes */
  async replace(counts: ReadonlyMap<string, number>, version: string): Promise<void> {
    const commands: Command[] = [];
    for (const [key, pairs] of this.#byKey(counts)) {
      commands.push(["DEL", key]);
      for (let i = 0; i < pairs.length; i += 2 * PAIRS_AT_ONCE) {
        commands.push(["HSET", key, ...pairs.slice(i, i + 2 * PAIRS_AT_ONCE)]);
      }
      commands.push(["HSET", key, VERSION, version]);
    }
    for (const reply of await this.#commands.pipeline(commands)) if (reply instanceof TtsctlError) throw reply;
  }

  #slotOf(indexKey: string): number {
    return slotOf((this.#commands.prefix ?? "") + indexKey);
  }

  #byKey(counts: ReadonlyMap<string, number>): Map<string, (string | number)[]> {
    if (!this.#commands.isCluster) return new Map([[COUNTED_KEY, [...counts].flat()]]);
    const tags = allTags();
    const byKey = new Map<string, (string | number)[]>();
    for (const [indexKey, count] of counts) {
      const key = slotKey(tags[this.#slotOf(indexKey)]!);
      byKey.set(key, [...(byKey.get(key) ?? []), indexKey, count]);
    }
    return byKey;
  }
}

function slotKey(tag: string): string {
  return `${COUNTED_KEY}:{${tag}}`;
}
