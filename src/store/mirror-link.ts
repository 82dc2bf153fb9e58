import { isRedisError, TtsctlError } from "../errors.ts";
import type { RecordRules } from "../task/rules.ts";
import type { Mirror } from "./redis/mirror.ts";
import type { KnownNodes, RedisTarget } from "./redis/target.ts";

/** Redis is disabled, unreachable, or connected. `behind`: why reads must not use it in place of the file, one line. */
export type MirrorState =
  | { readonly kind: "off" }
  | { readonly kind: "down"; readonly error: TtsctlError }
  | { readonly kind: "on"; readonly mirror: Mirror; readonly behind?: string };

/** The connection to the mirror. */
export interface MirrorLink {
  /** The state now; a failure is a value. */
  open(): Promise<MirrorState>;
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
 * The connection to Redis, made on first use. A command remembers a failure. A process that stays up reconnects about once
 * a second, and only the first caller waits for an attempt.
 */
export class RedisLink implements MirrorLink {
  readonly #connect: (() => Promise<Mirror>) | null;
  readonly #events: LinkEvents;
  readonly #reconnects: boolean;
  #state: MirrorState | undefined;
  #attempt: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param connect connects and pings; with `reconnects` any TtsctlError means that Redis is down. Null if Redis is disabled */
  constructor(connect: (() => Promise<Mirror>) | null, options: LinkEvents & { readonly reconnects?: boolean } = {}) {
    this.#connect = connect;
    this.#events = options;
    this.#reconnects = options.reconnects ?? false;
  }

  async open(): Promise<MirrorState> {
    if (this.#state !== undefined) return this.#state;
    this.#attempt ??= this.#try();
    await this.#attempt;
    return this.#state!;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#attempt?.catch(() => {});
    if (this.#state?.kind === "on") this.#state.mirror.close();
  }

  async #try(): Promise<void> {
    if (this.#connect === null) {
      this.#state = { kind: "off" };
      return;
    }
    try {
      this.#up(await this.#connect());
    } catch (error) {
      if (!isRedisError(error) && !(this.#reconnects && error instanceof TtsctlError)) throw error;
      this.#down(error);
    }
  }

  #up(mirror: Mirror): void {
    const again = this.#state !== undefined;
    this.#state = { kind: "on", mirror };
    this.#events.onUp?.(mirror, again);
    if (!this.#reconnects) return;
    void mirror.lost.then((error) => {
      mirror.close(); // a late reply would be taken for that of a later command
      if (!this.#closed) this.#down(error);
    });
  }

  #down(error: TtsctlError): void {
    const isNews = this.#state?.kind !== "down";
    this.#state = { kind: "down", error };
    if (isNews) this.#events.onDown?.(error);
    if (this.#closed || !this.#reconnects) return;
    this.#retry = setTimeout(() => {
      this.#attempt = this.#try();
    }, RETRY_MS).unref();
  }
}

/**
 * Connects to the mirror and pings it; ioredis is loaded only here.
 * @param known as for `connectRedis`
 * @throws TtsctlError REDIS_*
 */
export async function connectMirror(target: RedisTarget, rules: RecordRules, known?: KnownNodes): Promise<Mirror> {
  const [{ connectRedis }, { Mirror }] = await Promise.all([import("./redis/connect.ts"), import("./redis/mirror.ts")]);
  return new Mirror(await connectRedis(target, known), rules);
}
