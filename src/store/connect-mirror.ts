import type { RecordRules } from "../task/rules.ts";
import type { Mirror } from "./redis/mirror.ts";
import type { KnownNodes, RedisTarget } from "./redis/target.ts";

/**
 * Connects to the mirror and pings it; ioredis is loaded only here.
 * @param known as for `connectRedis`
 * @throws TtsctlError REDIS_*
 */
export async function connectMirror(target: RedisTarget, rules: RecordRules, known?: KnownNodes): Promise<Mirror> {
  const [{ connectRedis }, { Mirror }] = await Promise.all([import("./redis/connect.ts"), import("./redis/mirror.ts")]);
  return new Mirror(await connectRedis(target, known), rules);
}
