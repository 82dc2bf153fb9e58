import { batches } from "../../pool.ts";
import { COUNTED_KEY, INDEX_KEY, SYNCED_KEY, SYNCING_KEY } from "../layout/keys.ts";
import type { Layout } from "../layout/layout.ts";
import type { RedisCommands } from "./commands.ts";
import { allOf, unlessFatal } from "./errors.ts";

/** The state of an index. */
export interface Standing {
  /** When the last full sync ended; null: never, or lost since. */
  readonly syncedAt: string | null;
  readonly members: number;
  /** How many it had when a sync or cleanup counted them last: 0 for an index that is new since, null if all counts are lost. */
  readonly counted: number | null;
}

const COUNTED_AT_ONCE = 500;
/** How long the token of a killed sync remains, seconds. */
const TOKEN_LIFE = 86_400;

/**
 * The part of the mirror about syncs: the mark of the last full sync, which a flush removes with the data, the token of a
 * running one, and the counts of index members. In a cluster one mark is for all: what a lost node had shows as dangling members and
 * short indexes.
 */
export abstract class SyncState {
  protected readonly commands: RedisCommands;

  constructor(commands: RedisCommands) {
    this.commands = commands;
  }

  abstract readonly layout: Layout;

  /** When the last full sync ended; null: never, or Redis was flushed since. */
  async syncedAt(): Promise<string | null> {
    return (await this.commands.command("GET", SYNCED_KEY)) as string | null;
  }

  /** The state of an index, of a user or (undefined) of all, which shows a loss of members. */
  async standing(userId: string | undefined): Promise<Standing> {
    const key = this.layout.indexKey(userId);
    const [at, counts, members] = allOf(
      await this.commands.pipeline([
        ["GET", SYNCED_KEY],
        ["HMGET", COUNTED_KEY, INDEX_KEY, key],
        ["ZCARD", key],
      ]),
    );
    const [all, own] = counts as (string | null)[];
    return { syncedAt: at as string | null, members: members as number, counted: all == null ? null : Number(own) };
  }

  /** Counts the members of the global index and of users' indexes. @param isWhole whether these are all users */
  async recount(users: Iterable<string>, isWhole = false): Promise<void> {
    if (isWhole) await this.commands.command("DEL", COUNTED_KEY);
    for (const some of batches([undefined, ...users], COUNTED_AT_ONCE)) {
      const keys = some.map((userId) => this.layout.indexKey(userId));
      const sizes = unlessFatal(await this.commands.pipeline(keys.map((key) => ["ZCARD", key])));
      const pairs = keys.flatMap((key, i) => (Number(sizes[i]) > 0 ? [key, Number(sizes[i])] : []));
      if (pairs.length > 0) await this.commands.command("HSET", COUNTED_KEY, ...pairs);
    }
  }

  /** Sets a token that a flush of the server removes. */
  async beginSync(token: string): Promise<void> {
    await this.commands.command("SET", SYNCING_KEY, token, "EX", TOKEN_LIFE);
  }

  /** Marks the end of a full sync. False if the server was flushed since it began. */
  async endSync(token: string, when: string): Promise<boolean> {
    if ((await this.commands.command("GET", SYNCING_KEY)) !== token) return false;
    allOf(
      await this.commands.pipeline([
        ["DEL", SYNCING_KEY],
        ["SET", SYNCED_KEY, when],
      ]),
    );
    return true;
  }
}
