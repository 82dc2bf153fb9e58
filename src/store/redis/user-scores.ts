import { TtsctlError } from "../../errors.ts";
import type { UserScoreField } from "../../task/layouts.ts";
import type { TimeReader } from "../../task/time.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import { isFatal } from "./errors.ts";
import { INDEX_KEY } from "./keys.ts";
import type { Layout } from "./layout.ts";
import { type Member, membersOf } from "./members.ts";

const SAMPLE = 64;

/**
 * The time that scores most tasks of a sample in their user indexes; null if that is unknown because Redis is empty or both
 * times of each task are equal.
 * @throws TtsctlError REDIS_*, if the next command would fail too
 */
export async function detectUserScore(
  commands: RedisCommands,
  layout: Layout,
  times: TimeReader,
): Promise<UserScoreField | null> {
  try {
    const flat = await commands.command("ZRANDMEMBER", INDEX_KEY, SAMPLE, "WITHSCORES");
    const members = membersOf(flat, undefined, layout).filter(({ userId }) => userId !== "");
    const replies = await commands.pipeline([
      ...members.map(({ userId, taskId }) => ["HMGET", layout.taskKey(userId, taskId), "updated_at", "created_at"]),
      ...members.map(({ userId, taskId }) => ["ZSCORE", layout.userIndexKey(userId), layout.userMember(taskId)]),
    ] as [string, ...string[]][]);
    const votes = members.map((member, i) => voteOf(member, replies[i]!, replies[members.length + i]!, times));
    const [created, updated] = (["created_at", "updated_at"] as const).map(
      (field) => votes.filter((vote) => vote === field).length,
    ) as [number, number];
    return created + updated === 0 ? null : created > updated ? "created_at" : "updated_at";
  } catch (error) {
    const stops = error instanceof TtsctlError && isFatal(error) && error.code !== "REDIS_DENIED";
    if (stops || !(error instanceof TtsctlError)) throw error;
    return null;
  }
}

/** A task whose global score differs from its hash is being written, so it is ignored. */
function voteOf(member: Member, hash: Reply, score: Reply, times: TimeReader): UserScoreField | null {
  if (!Array.isArray(hash) || typeof score !== "string") return null;
  const [updated, created] = hash.map((text) => times.ofHash((text as string | null) ?? "")) as [number, number];
  if (updated === created || member.score !== updated) return null;
  return Number(score) === created ? "created_at" : Number(score) === updated ? "updated_at" : null;
}
