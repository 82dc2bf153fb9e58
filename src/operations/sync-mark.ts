import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { formatUtc } from "../task/time.ts";

/** The mark that the mirror has every task of the file (`tts:ttsctl:synced`), so that lists know it. */
export class SyncMark {
  readonly #mirror: Mirror;
  readonly #clock: Clock;
  readonly #token = randomUUID();

  constructor(mirror: Mirror, clock: Clock) {
    this.#mirror = mirror;
    this.#clock = clock;
  }

  /** To be called before the mirror is looked at: a flush from then on is noticed. */
  async begin(): Promise<void> {
    await this.#mirror.beginSync(this.#token);
  }

  /**
   * Leaves the mark.
   * @param what was under way, as a message says it
   * @throws TtsctlError REDIS_FAILED where Redis was flushed meanwhile
   */
  async leave(what: "sync" | "verify --repair"): Promise<void> {
    if (await this.#mirror.endSync(this.#token, formatUtc(this.#clock.now()))) return;
    throw new TtsctlError("REDIS_FAILED", `Redis at ${this.#mirror.where} lost its data during the ${what}`, {
      hint: `it was flushed or restarted; run \`ttsctl ${what}\` again`,
    });
  }
}
