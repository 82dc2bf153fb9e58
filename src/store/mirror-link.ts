import { isRedisError, type TtsctlError } from "../errors.ts";
import type { Mirror } from "./redis/mirror.ts";

/**
 * Whether there is a mirror to work with: not wanted, not reachable (and why), or here it is. `behind`: why it may not be
 * read in place of the file, one line.
 */
export type MirrorState =
  | { readonly kind: "off" }
  | { readonly kind: "down"; readonly error: TtsctlError }
  | { readonly kind: "on"; readonly mirror: Mirror; readonly behind?: string };

/** The way to the mirror. */
export interface MirrorLink {
  /** What there is now; a failure is a value. */
  open(): Promise<MirrorState>;
  close(): Promise<void>;
}

/** The one connection of a run, made on first use. A failure is remembered. */
export class RunLink implements MirrorLink {
  readonly #connect: (() => Promise<Mirror>) | null;
  readonly #log: (line: string) => void;
  #state: Promise<MirrorState> | undefined;

  /** @param connect connects and pings; null where there is no Redis at all */
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
