import { type Clock, later } from "../clock.ts";
import { hasCode, isRedisError, isStoreError, TtsctlError, valueIf } from "../errors.ts";
import type { RecordRules } from "../task/rules.ts";
import type { FileStore } from "./file/file-store.ts";
import { NotRedis } from "./redis/errors.ts";
import type { Mirror } from "./redis/mirror.ts";
import type { KnownNodes, RedisTarget } from "./redis/target.ts";

/** Redis is disabled, unreachable, or connected. `behind`: why reads must not use it in place of the file, one line. */
export type MirrorState<M extends Mirror = Mirror> =
  | { readonly kind: "off" }
  | { readonly kind: "down"; readonly error: TtsctlError }
  | { readonly kind: "on"; readonly mirror: M; readonly behind?: string };

export interface MirrorLink<M extends Mirror = Mirror> {
  /** The state now; a failure is a value. */
  open(): Promise<MirrorState<M>>;
  close(): Promise<void>;
}

/** Called once for each change of the connection. */
export interface LinkEvents {
  /** @param again whether there was a connection, or an attempt at one, before */
  onUp?(mirror: Mirror, again: boolean): void;
  onDown?(error: TtsctlError): void;
}

/** Between the end of an attempt to connect and the next one. */
const RETRY_MS = 1000;

/**
 * The connection to Redis, made on first use. A process that stays up reconnects, and only the first caller waits for it.
 * @param connect null if Redis is disabled @param options reconnects: its clock; any TtsctlError then means it is down
 */
export function redisLink<M extends Mirror>(
  connect: (() => Promise<M>) | null,
  options: LinkEvents & { readonly reconnects?: Clock } = {},
): MirrorLink<M> {
  let state: MirrorState<M> | undefined;
  let attempt: Promise<void> | undefined;
  const closing = new AbortController();

  async function tryNow(): Promise<void> {
    try {
      if (connect === null) state = { kind: "off" };
      else up(await connect());
    } catch (error) {
      const isDown = options.reconnects === undefined ? isRedisError(error) : error instanceof TtsctlError;
      if (!isDown) throw error;
      down(error as TtsctlError);
    }
  }

  function up(mirror: M): void {
    const again = state !== undefined;
    state = { kind: "on", mirror };
    options.onUp?.(mirror, again);
    if (options.reconnects === undefined) return;
    void mirror.lost.then((error) => {
      mirror.close(); // a late reply would be taken for that of a later command
      if (!closing.signal.aborted) down(error);
    });
  }

  function down(error: TtsctlError): void {
    const { reconnects, onDown } = options;
    const isNews = state?.kind !== "down";
    state = { kind: "down", error };
    if (isNews) onDown?.(error); // which may read
    if (reconnects === undefined) return;
    void later(reconnects, RETRY_MS, closing.signal, () => {
      attempt = tryNow();
    });
  }

  return {
    async open() {
      if (state !== undefined) return state;
      attempt ??= tryNow();
      await attempt;
      return state!;
    },

    async close() {
      closing.abort();
      await attempt?.catch(() => {});
      if (state?.kind === "on") state.mirror.close();
    },
  };
}

/** Connects to the mirror and pings it; ioredis is loaded only here. @throws TtsctlError REDIS_* */
export async function connectMirror(target: RedisTarget, rules: RecordRules, known?: KnownNodes): Promise<Mirror> {
  const [{ connectRedis }, { Mirror }] = await Promise.all([import("./redis/connect.ts"), import("./redis/mirror.ts")]);
  return new Mirror(await connectRedis(target, known), rules);
}

export type SourceChoice = "auto" | "redis" | "file";

interface Ways<T> {
  /** @param warnings why Redis did not answer, if it was asked */
  fromFile(warnings: string[]): Promise<T>;
  /** @param warnings why the file should have answered */
  fromMirror(mirror: Mirror, warnings: string[]): Promise<T>;
}

/**
 * Reads from Redis if possible, else from the file (docs/contract.md, Reading). A Redis that lacks changes is used only
 * if the file can't be read.
 * @throws TtsctlError REDIS_* only if Redis is the forced source; STORE_* if the file is needed and can't be read
 */
export async function readFirst<T>(stores: Stores, source: SourceChoice, ways: Ways<T>): Promise<T> {
  const { path } = stores.file;
  const { mirror, down, behind, warnings } = await mirrorFor(stores, source);
  const fromFile = (lines: string[], lost: TtsctlError | null) =>
    ways.fromFile(lines).catch((error) => {
      throw namingBoth(error, lost);
    });
  if (mirror === null) return fromFile(warnings, down);
  try {
    if (behind !== undefined) return await ways.fromFile([behindWarning(behind, path)]);
  } catch (error) {
    if (!isStoreError(error)) throw error;
  }
  try {
    return await ways.fromMirror(mirror, behind === undefined ? [] : [behind]);
  } catch (error) {
    if (source === "redis" || !isRedisError(error)) throw error;
    return fromFile([fallbackWarning(error, path)], error);
  }
}

/** Why the file can't be read, and why Redis can't be used instead. */
function namingBoth(error: unknown, lost: TtsctlError | null): unknown {
  if (!isStoreError(error) || lost === null) return error;
  return new TtsctlError(error.code, `${error.message}; ${lost.message}`, { hint: error.hint, cause: error });
}

export interface Stores {
  readonly file: FileStore;
  readonly link: MirrorLink;
}

/** The mirror to read from, or null. `behind`: why the file should answer if it can. @throws REDIS_* if it is forced */
export async function mirrorFor({ file, link }: Stores, source: SourceChoice) {
  const isForced = source === "redis";
  const state = source === "file" ? ({ kind: "off" } as const) : await link.open();
  const warnings: string[] = [];
  if (state.kind === "on") {
    const behind = isForced ? undefined : (state.behind ?? ((await isOwed(file)) ? OWED : undefined));
    return { mirror: state.mirror, down: null, behind, warnings };
  }
  if (isForced) throw state.kind === "down" ? state.error : redisDisabled();
  const down = state.kind === "down" ? state.error : null;
  if (down !== null) warnings.push(fallbackWarning(down, file.path));
  return { mirror: null, down, behind: undefined, warnings };
}

/** If the store file is lost or its directory can't be read, Redis must answer. */
export async function isOwed(file: FileStore): Promise<boolean> {
  const isThere = await file.owed.isThere().catch(valueIf(isStoreError, false));
  return isThere && (await file.identity().catch(valueIf(isStoreError, null))) !== null;
}

export function redisDisabled(): TtsctlError {
  return new TtsctlError("REDIS_DISABLED", "Redis is needed, but it is switched off", {
    hint: "leave out --no-redis, or set [redis] enabled = true (REDIS_ENABLED)",
  });
}

export function behindWarning(problem: string, path: string): string {
  return `${problem}: reading ${path} instead`;
}

export function fallbackWarning(error: TtsctlError, path: string): string {
  // With these codes, Redis comes back without a change to the configuration.
  const comesBack =
    !(error instanceof NotRedis) && hasCode("REDIS_UNAVAILABLE", "REDIS_TIMEOUT", "REDIS_LOADING")(error);
  const advice = comesBack ? undefined : error.hint;
  return `${error.message}: reading ${path} instead; ${advice ?? "after the outage run `ttsctl sync`"}`;
}

/** Whether Redis couldn't be connected to, or didn't answer in time. Any other error is an answer. */
export function isOutage(error: TtsctlError): boolean {
  return !(error instanceof NotRedis) && hasCode("REDIS_UNAVAILABLE", "REDIS_TIMEOUT", "REDIS_TLS")(error);
}

/** Of a task that a lost Redis has left: what an outage means for it, or the error that Redis answered. */
export function causeOf(lost: TtsctlError, meaning: string): string | TtsctlError {
  return isOutage(lost) ? meaning : lost;
}

/** Why the mirror must not be read while deletions are owed to it. */
export const OWED = "Redis may still have tasks that were deleted from the file (run `ttsctl sync`)";
/** The same of a lost file, which shows no deletion. */
export const OWED_OF_LOST = "the list of owed deletions has tasks that a restore leaves out, and deletes in Redis";

/** A mirror that an operation works without from its first failure on (docs/contract.md, Commands, exit code 3). */
export class MirrorUse<M extends Mirror = Mirror> {
  /** Null if Redis is off, down or lost. */
  mirror: M | null;
  /** Why Redis can't be used; null if it can, or is off. */
  lost: TtsctlError | null;
  readonly #isLoss: (error: TtsctlError) => boolean;

  /** @param isLoss failures after which the operation goes on without Redis @throws TtsctlError REDIS_* that isn't one */
  constructor(state: MirrorState<M>, isLoss: (error: TtsctlError) => boolean = isRedisError) {
    this.#isLoss = isLoss;
    this.mirror = state.kind === "on" ? state.mirror : null;
    this.lost = state.kind === "down" ? state.error : null;
    if (this.lost !== null && !isLoss(this.lost)) throw this.lost;
  }

  /** Runs work that uses the mirror if there is one; if it is lost during that, again without it. */
  async attempt<T>(work: (mirror: M | null) => Promise<T>): Promise<T> {
    const { mirror } = this;
    try {
      return await work(mirror);
    } catch (error) {
      if (!isRedisError(error) || mirror === null || !this.#isLoss(error)) throw error;
      this.lose(error);
      return work(null);
    }
  }

  /** Works without it from now on. */
  lose(error: TtsctlError): void {
    this.mirror = null;
    this.lost = error;
  }

  /** The same for work that needs the mirror: undefined without it. */
  ask<T>(work: (mirror: M) => Promise<T>): Promise<T | undefined> {
    return this.attempt(async (mirror) => (mirror === null ? undefined : work(mirror)));
  }
}
