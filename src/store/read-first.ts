import { isRedisError, TtsctlError } from "../errors.ts";
import type { FileStore } from "./file/file-store.ts";
import type { MirrorLink } from "./mirror-link.ts";
import { isWrongType } from "./redis/errors.ts";
import type { Mirror } from "./redis/mirror.ts";

/** Which store may answer: both in turn, or one that never asks the other. */
export type SourceChoice = "auto" | "redis" | "file";

/** How a question is answered by either store. */
interface Ways<T> {
  /** @param warnings why Redis did not answer, if it was asked */
  fromFile(warnings: string[]): Promise<T>;
  fromMirror(mirror: Mirror): Promise<T>;
}

/**
 * Redis answers if it can, else the file (SPEC section 4). A forced store never asks the other.
 * @throws TtsctlError REDIS_* only where Redis is the forced source; STORE_* where the file must answer and cannot
 */
export async function readFirst<T>(
  { file, link }: { readonly file: FileStore; readonly link: MirrorLink },
  source: SourceChoice,
  { fromFile, fromMirror }: Ways<T>,
): Promise<T> {
  if (source === "file") return fromFile([]);
  const state = await link.open();
  const forced = source === "redis";
  if (state.kind === "off") {
    if (forced) throw redisDisabled();
    return fromFile([]);
  }
  if (state.kind === "down") {
    if (forced) throw state.error;
    return fromFile([fallbackWarning(state.error, file.path)]);
  }
  try {
    return await fromMirror(state.mirror);
  } catch (error) {
    if (forced || !isRedisError(error)) throw error;
    return fromFile([fallbackWarning(error, file.path)]);
  }
}

export function redisDisabled(): TtsctlError {
  return new TtsctlError("REDIS_DISABLED", "Redis is needed here, but it is switched off", {
    hint: "leave out --no-redis, or set [redis] enabled = true (REDIS_ENABLED)",
  });
}

export function fallbackWarning(error: TtsctlError, path: string): string {
  const advice = isWrongType(error) ? error.hint : "after the outage run `ttsctl sync`";
  return `${error.message}: ${path} answered instead; ${advice}`;
}
