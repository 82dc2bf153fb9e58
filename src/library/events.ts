import { EventEmitter } from "node:events";
import type { Clock } from "../clock.ts";
import type { TtsctlError } from "../errors.ts";
import { counted } from "../task/amounts.ts";
import { guarded, libraryError } from "./arguments.ts";
import type { ChangeEvent, Logger, MirrorEvent, StoreEvents } from "./types.ts";

/** Reports to the listeners, of which one may throw, and to the logger. @param owed how many changes Redis is known to lack */
export function eventSource(logger: Logger, clock: Clock, owed: () => number) {
  const emitter = new EventEmitter().setMaxListeners(0);
  let [unlogged, missed, loggedAt] = [0, 0, Number.NEGATIVE_INFINITY];

  return {
    /** Returns a function that removes the listener. */
    on<Name extends keyof StoreEvents>(name: Name, listener: (event: StoreEvents[Name]) => void): () => void {
      const safe = guarded("a listener", logger, listener);
      emitter.on(name, safe);
      return () => void emitter.off(name, safe);
    },

    change: (event: ChangeEvent) => void emitter.emit("change", event),

    /** @param again whether there was a connection, or an attempt at one, before */
    mirrorUp(where: string, again: boolean): void {
      emitter.emit("mirror", { state: "up", owed: owed(), error: null } satisfies MirrorEvent);
      logger.info(`Redis at ${where} ${again ? "answers again" : "answered the ping"}`);
      if (missed > 0) logger.warn(`Redis missed ${counted(missed, "change")}; repairing it now`);
      missed = 0;
    },

    mirrorDown(error: TtsctlError): void {
      logger.warn(`${error.message}: reads use the file, which has all changes`);
      emitter.emit("mirror", { state: "down", owed: owed(), error: libraryError(error) } satisfies MirrorEvent);
    },

    /** Redis refused changes, or their outcome is unknown. */
    mirrorFailed(error: TtsctlError, count: number): void {
      missed += count;
      unlogged += count;
      if (clock.monotonic() - loggedAt < 10) return; // every write fails while Redis is down
      loggedAt = clock.monotonic();
      logger.warn(`${counted(unlogged, "change")} not written to Redis, the file has them: ${error.message}`);
      unlogged = 0;
    },
  };
}
