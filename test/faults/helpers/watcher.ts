import type { CleanupResult } from "../../../src/operations/cleanup.ts";
import { TestClock } from "../../helpers/clock.ts";
import { type Command, type Run, start, wholeLines } from "../../helpers/ttsctl.ts";
import { until } from "../../helpers/until.ts";

/** How a pass went: what it printed, or that it failed, and why. */
export type Outcome = { readonly result: CleanupResult } | { readonly error: string; readonly code: string };

/** How many waits were begun, and how many passes ended well or not. */
interface Counts {
  readonly waits: number;
  readonly results: number;
  readonly errors: number;
}

/** A clock whose waits between two passes end when the test says so. */
export const watchersClock = () => new TestClock({ longest: 20 });

/** A `cleanup --watch`. */
export class Watcher {
  readonly clock: TestClock;
  readonly running: Command;

  constructor(root: string, clock = watchersClock(), ...flags: string[]) {
    this.clock = clock;
    const args = ["cleanup", "--watch", "-o", "json", "--log-format", "json", ...flags];
    this.running = start(args, { cwd: root, clock });
  }

  /** What it said on stderr. */
  get log(): { level: string; msg: string; code?: string; time: string }[] {
    return wholeLines(this.running.stderr).map((line) => JSON.parse(line));
  }

  /** Of every pass, those that failed last. */
  get outcomes(): Outcome[] {
    const failed = this.log.filter(({ msg }) => msg.startsWith("pass failed"));
    return [
      ...wholeLines(this.running.stdout).map((line) => ({ result: JSON.parse(line) as CleanupResult })),
      ...failed.map(({ msg, code }) => ({ error: msg, code: code! })),
    ];
  }

  /** Waits until the first pass has ended. */
  first(): Promise<Outcome> {
    return this.#outcomeAfter({ waits: 0, results: 0, errors: 0 });
  }

  /** Ends the wait in hand; returns how the pass went that then was made. */
  next(): Promise<Outcome> {
    const before = this.#count();
    this.clock.endPause();
    return this.#outcomeAfter(before);
  }

  /** The same with a SIGHUP. */
  hangup(): Promise<Outcome> {
    const before = this.#count();
    this.running.kill("SIGHUP");
    return this.#outcomeAfter(before);
  }

  /** Ends it as systemd does. */
  async stop(): Promise<Run> {
    this.running.kill("SIGTERM");
    return this.running.end();
  }

  #count(): Counts {
    const results = this.outcomes.filter((one) => "result" in one).length;
    return { waits: this.clock.longPauses.length, results, errors: this.outcomes.length - results };
  }

  async #outcomeAfter({ waits, results, errors }: Counts): Promise<Outcome> {
    await until(() => {
      if (this.running.hasEnded) throw new Error(`the watcher ended: ${this.running.stderr}`);
      const now = this.#count();
      return now.waits > waits && now.results + now.errors > results + errors;
    }, 60);
    const all = this.outcomes;
    const printed = all.filter((one) => "result" in one);
    return printed.length > results ? printed.at(-1)! : all.at(-1)!;
  }
}
