import { fieldJson, setFields } from "../../json/record.ts";
import { RecordParser } from "../../task/parse.ts";
import type { RecordRules } from "../../task/rules.ts";
import { isInvalid, type Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import { timeLike } from "../../task/time-like.ts";

/** What a mark writes into a record. */
export interface Mark {
  /** The service's word. */
  readonly status: string;
  /** Undefined leaves the record's own. */
  readonly error: string | null | undefined;
  /** Epoch seconds. */
  readonly now: number;
}

/** Later by this, in seconds, a time is another one: by what it can tell apart, microseconds to whole seconds. */
const STEPS = [0.000001, 0.001, 1];

/** Makes marked records: status, error and `updated_at` change, every other field stays as it was written. */
export class Marker {
  readonly #mark: Mark;
  readonly #rules: RecordRules;
  readonly #parser: RecordParser;

  constructor(mark: Mark, rules: RecordRules) {
    this.#mark = mark;
    this.#rules = rules;
    this.#parser = new RecordParser(rules);
  }

  /**
   * The record marked, its time in its own form and later than it was; or why it cannot be. The same record gives the same
   * result, however often it is asked for.
   */
  mark(task: Task): Task | string {
    if (toMicros(task.score) > toMicros(this.#mark.now)) return "its updated_at lies ahead of this machine's clock";
    const { now } = this.#mark;
    for (const at of [now, ...STEPS.map((step) => task.score + step)]) {
      const marked = this.#markAt(task, at);
      if (marked !== undefined && toMicros(marked.score) > toMicros(task.score)) return marked;
    }
    return "no time that is later than its own can be written, where the clock is put back";
  }

  #markAt(task: Task, at: number): Task | undefined {
    const { status, error } = this.#mark;
    const changes = new Map([["status", JSON.stringify(status)]]);
    const hasError = fieldJson(task.json, "error") !== undefined;
    if (error !== undefined && (error !== null || hasError)) changes.set("error", JSON.stringify(error));
    changes.set("updated_at", timeLike(fieldJson(task.json, "updated_at")!, at, this.#rules.zone));
    const marked = this.#parser.parse(setFields(task.json, changes));
    return isInvalid(marked) ? undefined : { ...marked, userId: task.userId, taskId: task.taskId };
  }
}
