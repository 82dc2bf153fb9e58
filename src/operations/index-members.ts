import { BATCH, type Member, type Mirror, SCAN_BEGIN } from "../store/redis/mirror.ts";
import { batches } from "./pool.ts";

/**
 * The members of the index of a user, or of all, in no order, in groups of at most BATCH. What is there throughout comes
 * at least once, also while a service writes: a walk by rank would pass over tasks when others move up.
 * @throws TtsctlError REDIS_*
 */
export async function* indexMembers(mirror: Mirror, userId: string | undefined): AsyncGenerator<Member[]> {
  let cursor = SCAN_BEGIN;
  do {
    const { members, next } = await mirror.scan(userId, cursor);
    yield* batches(members, BATCH);
    cursor = next;
  } while (cursor !== SCAN_BEGIN);
}
