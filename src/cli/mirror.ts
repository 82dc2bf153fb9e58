import { redisDisabled } from "../store/read-first.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { Context } from "./context.ts";

/**
 * The mirror, for a command that cannot do without.
 * @throws TtsctlError REDIS_* (exit code 4)
 */
export async function openMirror(context: Context): Promise<Mirror> {
  const state = await (await context.mirrorLink()).open();
  if (state.kind === "off") throw redisDisabled();
  if (state.kind === "down") throw state.error;
  return state.mirror;
}
