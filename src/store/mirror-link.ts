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

/** The one connection of a run, made on first use. A failure is remembered. */
export class RunLink implements MirrorLink {
  readonly #connect: (() => Promise<Mirror>) | null;
  readonly #log: (line: string) => void;
  #state: Promise<MirrorState> | undefined;

  /** @param connect connects and pings; null if Redis is disabled */
  constructor(connect: (() => Promise<Mirror>) | null, log: (line: string) => void) {
    this.#connect = connect;
    this.#log = log;
  }

  open(): Promise<MirrorState> {
    this.#state ??= this.#open();
    return this.#state;
  }

  async close(): Promise<void> {
    const state = await this.#state;
    if (state?.kind === "on") state.mirror.close();
    this.#state = undefined;
  }

  async #open(): Promise<MirrorState> {
    if (this.#connect === null) return { kind: "off" };
    try {
      const mirror = await this.#connect();
      this.#log(`Redis at ${mirror.where} answered the ping`);
      return { kind: "on", mirror };
    } catch (error) {
      if (!isRedisError(error)) throw error;
      this.#log(`Redis ping failed: ${error.message}`);
      return { kind: "down", error };
    }
  }
}

/** Between the end of an attempt to connect and the next one. */
const RETRY_MS = 1000;

export interface LinkEvents {
  /** @param again whether there was a connection, or an attempt at one, before */
  onUp?(mirror: Mirror, again: boolean): void;
  onDown?(error: TtsctlError): void;
}

/**
 * A connection for a long-lived process, which reconnects once a second. Until then Redis is down for all callers; only
 * the first call of all waits for an attempt.
 */
export class LastingLink implements MirrorLink {
  readonly #connect: (() => Promise<Mirror>) | null;
  readonly #events: LinkEvents;
  #state: MirrorState | undefined;
  #attempt: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param connect connects and pings, and may refuse the server (a TtsctlError); null if Redis is disabled */
  constructor(connect: (() => Promise<Mirror>) | null, events: LinkEvents = {}) {
    this.#connect = connect;
    this.#events = events;
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
      if (!(error instanceof TtsctlError)) throw error;
      this.#down(error);
    }
  }

  #up(mirror: Mirror): void {
    const again = this.#state !== undefined;
    this.#state = { kind: "on", mirror };
    this.#events.onUp?.(mirror, again);
    void mirror.lost.then((error) => {
      mirror.close(); // a late reply would be taken for that of a later command
      if (!this.#closed) this.#down(error);
    });
  }

  #down(error: TtsctlError): void {
    const news = this.#state?.kind !== "down";
    this.#state = { kind: "down", error };
    if (news) this.#events.onDown?.(error);
    if (this.#closed) return;
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
