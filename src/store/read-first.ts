import { type ErrorCode, isRedisError, isStoreError, TtsctlError } from "../errors.ts";
import type { FileStore } from "./file/file-store.ts";
import type { MirrorLink } from "./mirror-link.ts";
import type { Mirror } from "./redis/mirror.ts";

export type SourceChoice = "auto" | "redis" | "file";

interface Ways<T> {
  /** @param warnings why Redis did not answer, if it was asked */
  fromFile(warnings: string[]): Promise<T>;
  /** @param warnings why the file should have answered */
  fromMirror(mirror: Mirror, warnings: string[]): Promise<T>;
}

/**
 * Reads from Redis if possible, else from the file (SPEC section 4). A Redis that lacks changes is used only if the file
 * can't be read.
 * @throws TtsctlError REDIS_* only if Redis is the forced source; STORE_* if the file is needed and can't be read
 */
export async function readFirst<T>(
  stores: Stores,
  source: SourceChoice,
  { fromFile, fromMirror }: Ways<T>,
): Promise<T> {
  const { path } = stores.file;
  const { mirror, behind, warnings } = await mirrorFor(stores, source);
  if (mirror === null) return fromFile(warnings);
  try {
    if (behind !== undefined) return await fromFile([behindWarning(behind, path)]);
  } catch (error) {
    if (!isStoreError(error)) throw error;
  }
  try {
    return await fromMirror(mirror, behind === undefined ? [] : [behind]);
  } catch (error) {
    if (source === "redis" || !isRedisError(error)) throw error;
    return fromFile([fallbackWarning(error, path)]);
  }
}

export interface Stores {
  readonly file: FileStore;
  readonly link: MirrorLink;
}

interface FirstChoice {
  /** Null if the file answers. */
  readonly mirror: Mirror | null;
  /** Why the mirror answers only if the file can't be read. */
  readonly behind?: string | undefined;
  /** Why Redis isn't asked. */
  readonly warnings: string[];
}

/** @throws TtsctlError REDIS_* if Redis is the forced source and there is none */
export async function mirrorFor({ file, link }: Stores, source: SourceChoice): Promise<FirstChoice> {
  const isForced = source === "redis";
  const state = source === "file" ? ({ kind: "off" } as const) : await link.open();
  if (state.kind === "on") return { mirror: state.mirror, behind: isForced ? undefined : state.behind, warnings: [] };
  if (isForced) throw state.kind === "down" ? state.error : redisDisabled();
  return { mirror: null, warnings: state.kind === "down" ? [fallbackWarning(state.error, file.path)] : [] };
}

export function redisDisabled(): TtsctlError {
  return new TtsctlError("REDIS_DISABLED", "Redis is needed here, but it is switched off", {
    hint: "leave out --no-redis, or set [redis] enabled = true (REDIS_ENABLED)",
  });
}

export function behindWarning(problem: string, path: string): string {
  return `${problem}: ${path} answered instead`;
}

export function fallbackWarning(error: TtsctlError, path: string): string {
  const advice = OUTAGES.includes(error.code) ? undefined : error.hint;
  return `${error.message}: ${path} answered instead; ${advice ?? "after the outage run `ttsctl sync`"}`;
}

/** Codes of a Redis that comes back without a change to the configuration. */
const OUTAGES: readonly ErrorCode[] = ["REDIS_UNAVAILABLE", "REDIS_TIMEOUT", "REDIS_LOADING"];
