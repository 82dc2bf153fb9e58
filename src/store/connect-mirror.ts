import type { Zone } from "../task/zone.ts";
import type { KnownNodes } from "./redis/known-nodes.ts";
import type { LayoutName } from "./redis/layouts.ts";
import type { Mirror } from "./redis/mirror.ts";
import type { RedisTarget } from "./redis/target.ts";

/**
 * Connects to the mirror and pings it; ioredis is loaded only here.
 * @param known as for `connectRedis`
 * @throws TtsctlError REDIS_*
 */
export async function connectMirror(
  target: RedisTarget,
  zone: Zone,
  layout: LayoutName,
  known?: KnownNodes,
): Promise<Mirror> {
  const [{ connectRedis }, { layoutNamed }, { Mirror }] = await Promise.all([
    import("./redis/connect.ts"),
    import("./redis/layouts.ts"),
    import("./redis/mirror.ts"),
  ]);
  return new Mirror(await connectRedis(target, known), zone, layoutNamed(layout));
}
