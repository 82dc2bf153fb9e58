import type { Task } from "../task/task.ts";
import { csvOfRecords } from "./csv.ts";

/** How an export is written: JSON Lines, an array of records a line each, or CSV. */
export type ExportFormat = "jsonl" | "json" | "csv";

/** The text of an export, piece by piece: each record in its own bytes, the service's own status in it. */
export class ExportText {
  readonly #format: ExportFormat;
  #isFirst = true;

  constructor(format: ExportFormat) {
    this.#format = format;
  }

  /** The text of the next tasks. */
  *of(tasks: readonly Task[]): Generator<string> {
    if (this.#format === "csv") yield this.#csv(tasks);
    else {
      for (const { json } of tasks) {
        if (this.#format === "jsonl") yield `${json}\n`;
        else yield `${this.#isFirst ? "[" : ","}\n${json}`;
        this.#isFirst = false;
      }
    }
  }

  /** What ends it. */
  *end(): Generator<string> {
    if (this.#format === "json") yield this.#isFirst ? "[]\n" : "\n]\n";
    if (this.#format === "csv") yield this.#csv([]);
  }

  #csv(tasks: readonly Task[]): string {
    const text = csvOfRecords(tasks, this.#isFirst);
    this.#isFirst = false;
    return text;
  }
}
