import { TtsctlError } from "../../errors.ts";
import type { TimeReader } from "../../task/time.ts";
import type { TaskId } from "../task-source.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import type { Outcome } from "./copies.ts";
import { isFatal } from "./errors.ts";
import { INDEX_KEY } from "./keys.ts";
import { type Layout, userScoreOfHash } from "./layout.ts";
import type { Script } from "./script.ts";
import { SLOT_SCRIPTS } from "./scripts.ts";

/** Where a task stands in an index. */
export interface Place {
  readonly key: string;
  readonly member: string;
}

/** Its places in the global index and in its user's. */
export function placesOf(layout: Layout, { userId, taskId }: TaskId): [Place, Place] {
  return [
    { key: INDEX_KEY, member: layout.member(userId, taskId) },
    { key: layout.userIndexKey(userId), member: layout.userMember(taskId) },
  ];
}

/** The scores in both that fit a hash, from its `updated_at` and `created_at`; NaN without a time. */
export function scoresOfHash(reply: Reply, layout: Layout, times: TimeReader): [number, number] {
  const [updatedAt = null, createdAt = null] = Array.isArray(reply) ? (reply as (string | null)[]) : [];
  return [times.ofHash(updatedAt ?? ""), userScoreOfHash(layout, updatedAt, createdAt, times)];
}

/**
 * Members of indexes that lie in slots of their own: one command an index, to all nodes at the same time. What concerns
 * an index alone, such as a key of the wrong type, is the outcome of its places; what would meet all is thrown.
 */
export class SlottedIndexes {
  readonly #commands: RedisCommands;

  constructor(commands: RedisCommands) {
    this.#commands = commands;
  }

  /** Scores as Redis writes them; null for no member. */
  async scores(places: readonly Place[]): Promise<Outcome<string | null>[]> {
    const groups = groupsOf(places);
    const replies = await this.#commands.pipeline(
      groups.map(({ key, at }) => ["ZMSCORE", key, ...at.map((i) => places[i]!.member)]),
    );
    return spread(places, groups, replies, (reply, i) => (reply as (string | null)[])[i]!);
  }

  /** Members with at least these scores. */
  async raise(places: readonly (Place & { readonly score: number })[]): Promise<Outcome<true>[]> {
    const groups = groupsOf(places);
    const replies = await this.#commands.pipeline(
      groups.map(({ key, at }) => ["ZADD", key, "GT", ...at.flatMap((i) => [places[i]!.score, places[i]!.member])]),
    );
    return spread(places, groups, replies, () => true as const);
  }

  /** Sets each score that still is `from`. */
  async move(places: readonly (Place & { readonly from: string | number; readonly to: string | number })[]) {
    return this.#run(
      SLOT_SCRIPTS.moveMembers,
      places,
      ({ member, from, to }) => [member, from, to],
      () => true,
    );
  }

  /** Removes members whose score is not above the limit: true where it is gone. */
  async drop(places: readonly (Place & { readonly limit: number })[]): Promise<Outcome<boolean>[]> {
    return this.#run(
      SLOT_SCRIPTS.dropMembers,
      places,
      ({ member, limit }) => [member, limit],
      (reply, i) => (reply as number[])[i] === 1,
    );
  }

  async #run<P extends Place, T>(
    script: Script,
    places: readonly P[],
    argsOf: (place: P) => (string | number)[],
    read: (reply: Reply, i: number) => T,
  ): Promise<Outcome<T>[]> {
    const groups = groupsOf(places);
    const runs = groups.map(({ key, at }) => ({ keys: [key], args: at.flatMap((i) => argsOf(places[i]!)) }));
    return spread(places, groups, await this.#commands.scripts(script, runs), read);
  }
}

interface Group {
  readonly key: string;
  /** Which of the places are in this index. */
  readonly at: number[];
}

function groupsOf(places: readonly Place[]): Group[] {
  const groups = new Map<string, Group>();
  places.forEach(({ key }, i) => {
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { key, at: [i] });
    else group.at.push(i);
  });
  return [...groups.values()];
}

/** What each place gets of the reply for its index. */
function spread<T>(
  places: readonly Place[],
  groups: readonly Group[],
  replies: readonly Reply[],
  read: (reply: Reply, i: number) => T,
): Outcome<T>[] {
  const outcomes: Outcome<T>[] = new Array(places.length);
  groups.forEach(({ at }, g) => {
    const reply = unlessFatal(replies[g]!);
    at.forEach((place, i) => {
      outcomes[place] = reply instanceof TtsctlError ? reply : read(reply, i);
    });
  });
  return outcomes;
}

/** A reply, or the error that concerns it alone. @throws TtsctlError what would meet every command */
export function unlessFatal(reply: Reply): Reply {
  if (reply instanceof TtsctlError && isFatal(reply)) throw reply;
  return reply;
}
