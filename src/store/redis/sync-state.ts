import { batches } from "../../pool.ts";
import { COUNTED_KEY, SYNCED_KEY, SYNCING_KEY } from "../layout/keys.ts";
import type { Layout } from "../layout/layout.ts";
import type { RedisCommands } from "./commands.ts";
import { allOf } from "./errors.ts";

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
/** How long the token of a killed sync remains, seconds. */
const TOKEN_LIFE = 86_400;

/**
 * The part of the mirror about syncs: the mark of the last full sync, which a flush removes with the data, the token of a
 * running one, and the counts of the file. In a cluster one mark is for all: what a lost node had shows as dangling members and
 * short indexes.
 */
export abstract class SyncState {
  protected readonly commands: RedisCommands;

  constructor(commands: RedisCommands) {
    this.commands = commands;
  }

  abstract get layout(): Layout;

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
        ["HMGET", COUNTED_KEY, VERSION, key],
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
    const pairs = [[undefined, all] as const, ...users].flatMap(([userId, count]) => [
      this.layout.indexKey(userId),
      count,
    ]);
    allOf(await this.commands.pipeline([["DEL", COUNTED_KEY]]));
    for (const some of batches(pairs, 2 * PAIRS_AT_ONCE)) await this.commands.command("HSET", COUNTED_KEY, ...some);
    await this.commands.command("HSET", COUNTED_KEY, VERSION, version);
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
