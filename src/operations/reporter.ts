/** What an operation tells while it works; its result comes back as a value. */
export interface Reporter {
  /** One line about something that the operator should know. */
  warn(line: string): void;
  /** How far the work is; `total` may grow. */
  progress(label: string, done: number, total: number): void;
}

/** How many tasks are named before the rest is only counted. */
const NAMED = 10;

/** Warns of tasks one by one, and after the first few only counts them. */
export class NamedWarnings {
  readonly #reporter: Reporter;
  readonly #what: string;
  count = 0;

  constructor(reporter: Reporter, what: string) {
    this.#reporter = reporter;
    this.#what = what;
  }

  add(userId: string, taskId: string, reason: string): void {
    this.count++;
    if (this.count <= NAMED) this.#reporter.warn(`${userId}:${taskId} ${this.#what}: ${reason}`);
  }

  /** Says how many were not named. */
  end(): void {
    if (this.count > NAMED) this.#reporter.warn(`and ${this.count - NAMED} more tasks ${this.#what}`);
  }
}
