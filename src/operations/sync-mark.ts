import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { countsOf } from "../store/index-check.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { formatUtc } from "../task/time.ts";

/** The mark that the mirror has every task of the file (`tts:ttsctl:synced`), so that lists know it. */
export class SyncMark {
  readonly #mirror: Mirror;
  readonly #clock: Clock;
  readonly #token = randomUUID();

  private constructor(mirror: Mirror, clock: Clock) {
    this.#mirror = mirror;
    this.#clock = clock;
  }

  /** To be called before a copy is looked at or written: a flush from then on is noticed. */
  static async begin(mirror: Mirror, clock: Clock): Promise<SyncMark> {
    const mark = new SyncMark(mirror, clock);
    await mirror.beginSync(mark.#token);
    return mark;
  }

  /**
   * Leaves the mark, and what the file has.
   * @param what was under way, as a message says it
   * @throws TtsctlError REDIS_FAILED where Redis was flushed meanwhile
   */
  async leave(what: "sync" | "verify --repair", snapshot: Snapshot): Promise<void> {
    await this.#mirror.keepCounts(...countsOf(snapshot));
    if (await this.#mirror.endSync(this.#token, formatUtc(this.#clock.now()))) return;
    throw new TtsctlError("REDIS_FAILED", `Redis at ${this.#mirror.where} lost its data during the ${what}`, {
      hint: `it was flushed or restarted; run \`ttsctl ${what}\` again`,
    });
  }
}

/** The loss of Redis in the middle of a run, with how far that was. */
export function lostMidway(error: TtsctlError, command: "sync" | "verify", done: string): TtsctlError {
  return new TtsctlError(error.code, `${error.message}; before that ${done}`, {
    hint: error.hint ?? `run \`ttsctl ${command}\` again when Redis is back`,
    cause: error,
  });
}
