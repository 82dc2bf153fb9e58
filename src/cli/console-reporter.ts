import type { SingleBar } from "cli-progress";
import type { Reporter } from "../operations/reporter.ts";
import { printable } from "../render/printable.ts";
import type { GlobalFlags } from "./globals.ts";
import type { Terminal } from "./terminal.ts";

/** Work shorter than this shows no progress. */
const PATIENCE_MS = 1000;

/** Warnings, log lines and progress on stderr. */
export class ConsoleReporter implements Reporter {
  readonly #terminal: Terminal;
  readonly #flags: GlobalFlags;
  readonly #startedAt = performance.now();
  #bar: SingleBar | "loading" | undefined;
  #pending: Promise<void> = Promise.resolve();

  constructor(terminal: Terminal, flags: GlobalFlags) {
    this.#terminal = terminal;
    this.#flags = flags;
  }

  warn(line: string): void {
    if (!this.#flags.quiet) this.#line(`warning: ${printable(line)}`);
  }

  /** Only with -v. */
  log(line: string): void {
    if (this.#flags.verbose > 0) this.#line(printable(line));
  }

  progress(label: string, done: number, total: number): void {
    if (this.#flags.quiet || !this.#terminal.errIsTerminal) return;
    if (performance.now() - this.#startedAt < PATIENCE_MS) return;
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

  #line(text: string): void {
    this.#closeBar();
    this.#pending = this.#pending.then(() => this.#terminal.err.write(`${text}\n`));
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
