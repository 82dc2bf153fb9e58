import { TtsctlError } from "../../errors.ts";
import type { Command, RedisCommands } from "./commands.ts";
import { SYNCED_KEY, SYNCING_KEY } from "./keys.ts";
import { runForEach } from "./script-run.ts";
import { END_SYNC } from "./scripts.ts";
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
 * its own (`tts:ttsctl:synced:{tag}`, some 90 bytes), which lies where the indexes of that slot lie, moves with them, and
 * goes with them; whoever reads an index asks for the mark of its slot.
 */
export class SyncMarks {
  readonly #commands: RedisCommands;

  constructor(commands: RedisCommands) {
    this.#commands = commands;
  }

  /** When the last full sync ended, or null: never, or what an index lies with was lost since. */
  async at(indexKey: string): Promise<string | null> {
    const suffix = this.#commands.isCluster ? suffixOf(tagOf(slotOf(indexKey))) : "";
    return (await this.#commands.command("GET", SYNCED_KEY + suffix)) as string | null;
  }

  /** Leaves a token that a flush would take away. */
  async begin(token: string): Promise<void> {
    for (const some of this.#suffixes()) {
      const sets = some.map((suffix): Command => ["SET", SYNCING_KEY + suffix, token, "EX", TOKEN_LIFE]);
      for (const reply of await this.#commands.pipeline(sets)) if (reply instanceof TtsctlError) throw reply;
    }
  }

  /** Sets each mark whose token still stands; false where one does not. */
  async end(token: string, when: string): Promise<boolean> {
    let all = true;
    for (const some of this.#suffixes()) {
      const runs = some.map((suffix) => ({ keys: [SYNCING_KEY + suffix, SYNCED_KEY + suffix], args: [token, when] }));
      for (const reply of await runForEach(this.#commands, END_SYNC, runs)) {
        if (reply instanceof TtsctlError) throw reply;
        all &&= reply === 1;
      }
    }
    return all;
  }

  *#suffixes(): Generator<string[]> {
    const suffixes = this.#commands.isCluster ? allTags().map(suffixOf) : [""];
    for (let i = 0; i < suffixes.length; i += MARKS_AT_ONCE) yield suffixes.slice(i, i + MARKS_AT_ONCE);
  }
}

function suffixOf(tag: string): string {
  return `:{${tag}}`;
}
