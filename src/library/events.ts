import type { TtsctlError } from "../errors.ts";
import { libraryError } from "./library-error.ts";
import type { ChangeEvent, Logger, MirrorEvent, StoreEvents } from "./types.ts";

type Listeners = { readonly [Name in keyof StoreEvents]: Set<(event: StoreEvents[Name]) => void> };

/** Tells the program what happens in its store. A listener that throws is logged. */
export class EventSource {
  readonly #logger: Logger;
  readonly #listeners: Listeners = { mirror: new Set(), change: new Set() };
  /** How many changes of the file Redis lacks, as far as is known. */
  owed: () => number = () => 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Returns a function that removes the listener. */
  on<Name extends keyof StoreEvents>(name: Name, listener: (event: StoreEvents[Name]) => void): () => void {
    const listeners: Set<(event: StoreEvents[Name]) => void> = this.#listeners[name];
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  mirror(state: MirrorEvent["state"], error: TtsctlError | null): void {
    this.#tell(this.#listeners.mirror, { state, owed: this.owed(), error: libraryError(error) });
  }

  change(event: ChangeEvent): void {
    this.#tell(this.#listeners.change, event);
  }

  #tell<E>(listeners: ReadonlySet<(event: E) => void>, event: E): void {
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#logger.warn(`a listener threw: ${String(error)}`);
      }
    }
  }
}
