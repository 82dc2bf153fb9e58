import type { Zone } from "../task/zone.ts";
import type { RedisTarget } from "./redis/client.ts";
import type { Mirror } from "./redis/mirror.ts";

/**
 * Connects to the mirror and pings it; ioredis is loaded only here.
 * @throws TtsctlError REDIS_*
 */
export async function connectMirror(target: RedisTarget, zone: Zone): Promise<Mirror> {
  const [{ RedisClient }, { Mirror }] = await Promise.all([import("./redis/client.ts"), import("./redis/mirror.ts")]);
  return new Mirror(await RedisClient.connect(target), zone);
}
