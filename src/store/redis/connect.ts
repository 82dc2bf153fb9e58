import { TtsctlError } from "../../errors.ts";
import { RedisClient } from "./client.ts";
import type { RedisCommands } from "./commands.ts";
import { connectBySentinels } from "./sentinel.ts";
import type { RedisTarget } from "./target.ts";

/**
 * Connects to whatever kind of Redis a target names, logs in and pings.
 * @throws TtsctlError REDIS_* with what was tried
 */
export async function connectRedis(target: RedisTarget): Promise<RedisCommands> {
  const { place } = target;
  switch (place.kind) {
    case "sentinels":
      return connectBySentinels({ ...target, place });
    case "cluster":
      throw new TtsctlError("REDIS_FAILED", `this version cannot work with ${place.kind}`);
    default:
      return RedisClient.connect({ ...target, place });
  }
}
