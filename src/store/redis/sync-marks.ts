import { TtsctlError } from "../../errors.ts";
import type { Command, RedisCommands, Reply } from "./commands.ts";
import { SYNCED_KEY, SYNCING_KEY } from "./keys.ts";
import type { Script } from "./script.ts";
import { SCRIPTS, SLOT_SCRIPTS } from "./scripts.ts";
import { allTags, slotOf, tagOf } from "./slots.ts";

/** How many marks one round trip sets. */
const MARKS_AT_ONCE = 1024;
/** Seconds; a sync that was killed leaves its token that long. */
const TOKEN_LIFE = 86_400;

/**
 * The mark of a full sync (`tts:ttsctl:synced`), which goes with the data that a flush takes away, and the token that is
 * there only while a sync runs.
 *
 * In a cluster each node loses its data by itself, and a slot moves from one node to another. So each slot has a mark of
 * its own (`tts:ttsctl:synced:{tag}`, a hash of some 100 bytes that has the token too), which lies where the indexes of
 * that slot lie, moves with them, and goes with them; whoever reads an index asks for the mark of its slot. The one that
 * a single node has is there for others to see.
 */
export class SyncMarks {
  readonly #commands: RedisCommands;

  constructor(commands: RedisCommands) {
    this.#commands = commands;
  }

  /** When the last full sync ended, or null: never, or what an index lies with was lost since. */
  async at(indexKey: string): Promise<string | null> {
    return (await this.#commands.command(...this.query(indexKey))) as string | null;
  }

  /** Asks for that. */
  query(indexKey: string): Command {
    return this.#commands.isCluster
      ? ["HGET", slotMark(tagOf(slotOf((this.#commands.prefix ?? "") + indexKey))), "at"]
      : ["GET", SYNCED_KEY];
  }

  /** Leaves a token that a flush would take away. */
  async begin(token: string): Promise<void> {
    if (this.#commands.isCluster) await this.#forSlots(SLOT_SCRIPTS.beginSync, token);
    else await this.#commands.command("SET", SYNCING_KEY, token, "EX", TOKEN_LIFE);
  }

  /** Sets each mark whose token still stands; false where one does not. */
  async end(token: string, when: string): Promise<boolean> {
    if (!this.#commands.isCluster) {
      return (await this.#commands.script(SCRIPTS.endSync, [SYNCING_KEY, SYNCED_KEY], [token, when])) === 1;
    }
    const all = (await this.#forSlots(SLOT_SCRIPTS.endSync, token, when)).every((reply) => reply === 1);
    if (all) await this.#commands.command("SET", SYNCED_KEY, when);
    return all;
  }

  async #forSlots(script: Script, ...args: string[]): Promise<Reply[]> {
    const runs = allTags().map((tag) => ({ keys: [slotMark(tag)], args }));
    const replies: Reply[] = [];
    for (let i = 0; i < runs.length; i += MARKS_AT_ONCE) {
      replies.push(...(await this.#commands.scripts(script, runs.slice(i, i + MARKS_AT_ONCE))));
    }
    for (const reply of replies) if (reply instanceof TtsctlError) throw reply;
    return replies;
  }
}

function slotMark(tag: string): string {
  return `${SYNCED_KEY}:{${tag}}`;
}
