import { isRedisError, type TtsctlError } from "../errors.ts";
import type { MirrorState } from "../store/mirror-link.ts";
import type { Mirror } from "../store/redis/mirror.ts";

/** A mirror that an operation works without from its first failure on (SPEC section 5, exit code 3). */
export class MirrorUse {
  #mirror: Mirror | null;
  #lost: TtsctlError | null;

  constructor(state: MirrorState) {
    this.#mirror = state.kind === "on" ? state.mirror : null;
    this.#lost = state.kind === "down" ? state.error : null;
  }

  /** Null where Redis is off, down or lost. */
  get mirror(): Mirror | null {
    return this.#mirror;
  }

  /** Why Redis is left out, or null: it is not, or is off. */
  get lost(): TtsctlError | null {
    return this.#lost;
  }

  /** Runs work that uses the mirror if there is one; if it is lost meanwhile, once more without it. */
  async attempt<T>(work: (mirror: Mirror | null) => Promise<T>): Promise<T> {
    try {
      return await work(this.#mirror);
    } catch (error) {
      if (!isRedisError(error) || this.#mirror === null) throw error;
      this.#mirror = null;
      this.#lost = error;
      return work(null);
    }
  }
}
