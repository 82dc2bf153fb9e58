import type { Clock } from "../clock.ts";
import type { TtsctlError } from "../errors.ts";
import type { LinkEvents } from "../store/mirror-link.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import { counted } from "../task/amounts.ts";
import type { Logger } from "./types.ts";

/** Failures are told this far apart, seconds: a Redis that is away would else be told of with every write. */
const APART_S = 10;

/** Tells the logger how Redis comes and goes, and what of the file it has not got. */
export class MirrorNews implements LinkEvents {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #untold = 0;
  #missed = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #whenConnected = async (_: Mirror) => {};
  #whenUp = () => {};

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** @param check called with each new connection before it is used */
  whenConnected(check: (mirror: Mirror) => Promise<void>): void {
    this.#whenConnected = check;
  }

  /** @throws what the check throws; the connection is closed then */
  async connected(mirror: Mirror): Promise<Mirror> {
    try {
      await this.#whenConnected(mirror);
      return mirror;
    } catch (error) {
      mirror.close();
      throw error;
    }
  }

  /** @param listener called each time that there is a connection */
  whenUp(listener: () => void): void {
    this.#whenUp = listener;
  }

  onUp({ where }: Mirror, again: boolean): void {
    this.#logger.info(`Redis at ${where} ${again ? "answers again" : "answered the ping"}`);
    if (this.#missed > 0)
      this.#logger.warn(`Redis missed ${counted(this.#missed, "change")}: they are written to it now`);
    this.#missed = 0;
    this.#whenUp();
  }

  onDown(error: TtsctlError): void {
    this.#logger.warn(`${error.message}: the file answers, and has what is written`);
  }

  /** Changes that the file has and Redis did not take, or may not have. */
  onFailure(error: TtsctlError, count: number): void {
    this.#missed += count;
    this.#untold += count;
    if (this.#clock.monotonic() - this.#toldAt < APART_S) return;
    this.#toldAt = this.#clock.monotonic();
    this.#logger.warn(`${counted(this.#untold, "change")} not written to Redis, the file has them: ${error.message}`);
    this.#untold = 0;
  }
}
