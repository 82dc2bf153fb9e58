import { type ReadonlySignal, signal } from "@preact/signals";
import type { Api } from "../api/api.ts";
import { Failure } from "../api/failure.ts";
import type { Row } from "../model/row.ts";

/** A deletion that waits for confirmation. */
export interface Asked {
  readonly row: Row;
  /** The server refused, because the task is not finished: only force deletes it. */
  readonly needsForce: boolean;
  readonly isBusy: boolean;
  /** Why it failed the last time. */
  readonly failure: Failure | null;
}

/** The server's codes for a task that only force deletes, and for a missing one. */
const UNFINISHED = "TASK_UNFINISHED";
const NOT_FOUND = "TASK_NOT_FOUND";

/** Deletes a task after it was confirmed; one that is not finished after a second confirmation. */
export class Deletion {
  readonly #api: Pick<Api, "remove">;
  readonly #done: (row: Row, wasThere: boolean) => void;
  readonly #asked = signal<Asked | null>(null);
  readonly asked: ReadonlySignal<Asked | null> = this.#asked;

  /** @param done called with a task that was deleted, or was missing already */
  constructor(api: Pick<Api, "remove">, done: (row: Row, wasThere: boolean) => void) {
    this.#api = api;
    this.#done = done;
  }

  ask(row: Row): void {
    this.#asked.value = { row, needsForce: false, isBusy: false, failure: null };
  }

  cancel(): void {
    this.#asked.value = null;
  }

  async confirm(): Promise<void> {
    const asked = this.#asked.value;
    if (asked === null || asked.isBusy) return;
    const { row, needsForce } = asked;
    this.#asked.value = { ...asked, isBusy: true, failure: null };
    try {
      await this.#api.remove(row.userId, row.taskId, needsForce);
      this.#end(row, true);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const code = error.problem?.code;
      if (code === NOT_FOUND) this.#end(row, false);
      else if (code === UNFINISHED && !needsForce) this.#asked.value = { ...asked, needsForce: true, failure: null };
      else this.#asked.value = { ...asked, failure: error };
    }
  }

  #end(row: Row, wasThere: boolean): void {
    this.#asked.value = null;
    this.#done(row, wasThere);
  }
}
