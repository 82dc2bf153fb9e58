import { fieldJson } from "../../json/record.ts";
import { RecordParser } from "../../task/parse.ts";
import type { RecordRules } from "../../task/rules.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import { touched } from "../../task/touch.ts";

/** What a mark writes into a record. */
export interface Mark {
  /** The service's word. */
  readonly status: string;
  /** Undefined leaves the record's own. */
  readonly error: string | null | undefined;
  /** Epoch seconds. */
  readonly now: number;
}

/** Makes marked records: status, error and `updated_at` change, every other field stays as it was written. */
export class Marker {
  readonly #mark: Mark;
  readonly #parser: RecordParser;

  constructor(mark: Mark, rules: RecordRules) {
    this.#mark = mark;
    this.#parser = new RecordParser(rules);
  }

  /**
   * The record marked, its time in its own form and later than it was; or why it cannot be. The same record gives the same
   * result, however often it is asked for.
   */
  mark(task: Task): Task | string {
    if (toMicros(task.score) > toMicros(this.#mark.now)) return "its updated_at lies ahead of this machine's clock";
    return (
      touched(task, this.#changesOf(task), this.#mark.now, this.#parser) ??
      "no time that is later than its own can be written, where the clock is put back"
    );
  }

  #changesOf(task: Task): Map<string, string> {
    const { status, error } = this.#mark;
    const changes = new Map([["status", JSON.stringify(status)]]);
    const hasError = fieldJson(task.json, "error") !== undefined;
    if (error !== undefined && (error !== null || hasError)) changes.set("error", JSON.stringify(error));
    return changes;
  }
}
