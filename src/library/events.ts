import { EventEmitter } from "node:events";
import type { Clock } from "../clock.ts";
import type { TtsctlError } from "../errors.ts";
import { counted } from "../task/amounts.ts";
import { libraryError } from "./arguments.ts";
import type { ChangeEvent, Logger, MirrorEvent, StoreEvents } from "./types.ts";

/** Seconds between two lines about failed writes: every write fails while Redis is down. */
const APART_S = 10;

/** Reports to the listeners of the program and to its logger. A listener that throws is logged. */
export class EventSource {
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** How many changes of the file Redis lacks, as far as is known. */
  readonly #owed: () => number;
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  #unlogged = 0;
  #missed = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, clock: Clock, owed: () => number) {
    this.#logger = logger;
    this.#clock = clock;
    this.#owed = owed;
  }

  /** Returns a function that removes the listener. */
  on<Name extends keyof StoreEvents>(name: Name, listener: (event: StoreEvents[Name]) => void): () => void {
    const guarded = (event: StoreEvents[Name]) => {
      try {
        listener(event);
      } catch (error) {
        this.#logger.warn(`a listener threw: ${String(error)}`);
      }
    };
    this.#emitter.on(name, guarded);
    return () => void this.#emitter.off(name, guarded);
  }

  change(event: ChangeEvent): void {
    this.#emitter.emit("change", event);
  }

  /** @param again whether there was a connection, or an attempt at one, before */
  mirrorUp(where: string, again: boolean): void {
    this.#mirror("up", null);
    this.#logger.info(`Redis at ${where} ${again ? "answers again" : "answered the ping"}`);
    if (this.#missed > 0)
      this.#logger.warn(`Redis missed ${counted(this.#missed, "change")}: they are written to it now`);
    this.#missed = 0;
  }

  mirrorDown(error: TtsctlError): void {
    this.#logger.warn(`${error.message}: the file answers, and has what is written`);
    this.#mirror("down", error);
  }

  /** Redis refused changes, or their outcome is unknown. */
  mirrorFailed(error: TtsctlError, count: number): void {
    this.#missed += count;
    this.#unlogged += count;
    if (this.#clock.monotonic() - this.#loggedAt < APART_S) return;
    this.#loggedAt = this.#clock.monotonic();
    this.#logger.warn(`${counted(this.#unlogged, "change")} not written to Redis, the file has them: ${error.message}`);
    this.#unlogged = 0;
  }

  #mirror(state: MirrorEvent["state"], error: TtsctlError | null): void {
    const event: MirrorEvent = { state, owed: this.#owed(), error: libraryError(error) };
    this.#emitter.emit("mirror", event);
  }
}
