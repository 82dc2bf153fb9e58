import { TtsctlError } from "../../errors.ts";
import type { Reporter } from "../reporter.ts";

/** How many are named before the rest is only counted. */
const NAMED = 10;

/** The lines of an input that hold no record, each with the reason. */
export class BadLines {
  readonly #input: string;
  readonly #named: { line: number; reason: string }[] = [];
  count = 0;

  /** @param input how messages name the input */
  constructor(input: string) {
    this.#input = input;
  }

  add(line: number, reason: string): void {
    this.count++;
    if (this.#named.length < NAMED) this.#named.push({ line, reason });
  }

  /** Says which lines are left out. */
  warn(reporter: Reporter): void {
    for (const { line, reason } of this.#named) reporter.warn(`${this.#input} line ${line}: ${reason}`);
    const more = this.count - this.#named.length;
    if (more > 0) reporter.warn(`${this.#input}: and ${more} more lines are no valid records`);
  }

  /** The refusal of the whole input. */
  error(): TtsctlError {
    const { line, reason } = this.#named[0]!;
    const more = this.count > 1 ? ` (the first of ${this.count} such lines)` : "";
    return new TtsctlError("IMPORT_INVALID", `${this.#input} line ${line}: ${reason}${more}; nothing was imported`, {
      hint: "mend the lines, or leave them out with --skip-invalid",
    });
  }
}
