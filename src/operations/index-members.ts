import { batches } from "../store/batches.ts";
import { BATCH } from "../store/redis/copies.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { type Member, membersOf, walkIndex, walkInOrder } from "../store/redis/walk.ts";

/**
 * The members of the index of a user, or of all, in no order, in groups of at most BATCH. What is there throughout comes
 * at least once, also while a service writes: a walk by rank would pass over tasks when others move up.
 * Their scores are the times of the last change.
 * @throws TtsctlError REDIS_*
 */
export async function* indexMembers(mirror: Mirror, userId: string | undefined): AsyncGenerator<Member[]> {
  for await (const flat of walkIndex(mirror, userId)) {
    const members = membersOf(flat, userId, mirror.layout);
    yield* batches(userId === undefined ? members : await mirror.withChangeTimes(members), BATCH);
  }
}

/** The members of the global index with a score up to a limit, the oldest first, in such groups. @throws TtsctlError REDIS_* */
export async function* membersUpTo(mirror: Mirror, limit: number): AsyncGenerator<Member[]> {
  const range = { userId: undefined, since: null, until: limit + 1e-6 }; // `until` is exclusive
  for await (const members of walkInOrder(mirror, range, "lowest")) yield* batches(members, BATCH);
}
