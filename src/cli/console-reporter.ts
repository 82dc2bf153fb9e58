import type { SingleBar } from "cli-progress";
import type { Reporter, WarningFields } from "../operations/reporter.ts";
import type { LogEvent } from "../render/log-line.ts";
import type { GlobalFlags } from "./globals.ts";
import type { Terminal } from "./terminal.ts";

/** Work shorter than this shows no progress. */
const PATIENCE_MS = 1000;
/** Between two lines of progress in a JSON log. */
const LINE_EVERY_MS = 5000;

/** Warnings, log lines and progress on stderr. */
export class ConsoleReporter implements Reporter {
  readonly #terminal: Terminal;
  readonly #flags: GlobalFlags;
  readonly #startedAt = performance.now();
  #nextLineAt = 0;
  #bar: SingleBar | "loading" | undefined;
  #pending: Promise<void> = Promise.resolve();

  constructor(terminal: Terminal, flags: GlobalFlags) {
    this.#terminal = terminal;
    this.#flags = flags;
  }

  warn(msg: string, fields: WarningFields = {}): void {
    if (!this.#flags.quiet) this.#say({ level: "warn", msg, fields });
  }

  /** Only with -v. */
  log(msg: string): void {
    if (this.#flags.verbose > 0) this.#say({ level: "info", msg });
  }

  progress(label: string, done: number, total: number): void {
    if (this.#flags.quiet || performance.now() - this.#startedAt < PATIENCE_MS) return;
    if (this.#terminal.err.isJson) this.#progressLine(label, done, total);
    else if (this.#terminal.errIsTerminal) this.#progressBar(label, done, total);
  }

  #progressBar(label: string, done: number, total: number): void {
    if (this.#bar === undefined) void this.#openBar(label, done, total);
    else if (this.#bar !== "loading") {
      this.#bar.setTotal(total);
      this.#bar.update(done, { label });
    }
  }

  /** Takes the progress away and waits until all lines are out. */
  async end(): Promise<void> {
    this.#closeBar();
    await this.#pending;
  }

  #say(event: LogEvent): void {
    this.#closeBar();
    this.#pending = this.#pending.then(() => this.#terminal.err.say(event));
  }

  /** A log is to have a line of it now and then, not one a batch. */
  #progressLine(label: string, done: number, total: number): void {
    if (performance.now() < this.#nextLineAt) return;
    this.#nextLineAt = performance.now() + LINE_EVERY_MS;
    this.#say({ level: "info", msg: label, fields: { done, total } });
  }

  #closeBar(): void {
    if (this.#bar !== undefined && this.#bar !== "loading") this.#bar.stop();
    this.#bar = undefined;
  }

  async #openBar(label: string, done: number, total: number): Promise<void> {
    this.#bar = "loading";
    const { SingleBar } = (await import("cli-progress")).default;
    if (this.#bar !== "loading") return;
    const format = "{label} [{bar}] {percentage}% | {value}/{total} | {eta_formatted} left";
    this.#bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true });
    this.#bar.start(total, done, { label });
  }
}
