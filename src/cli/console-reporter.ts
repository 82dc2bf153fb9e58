import type { SingleBar } from "cli-progress";
import { systemClock } from "../clock.ts";
import type { DoneItems, Reporter, WarningFields } from "../operations/reporter.ts";
import type { LogEvent } from "../render/item-lines.ts";
import type { Progress } from "../render/progress.ts";
import { type GlobalFlags, isText, type Terminal } from "./terminal.ts";

/** Work shorter than this shows no progress. */
const PATIENCE_S = 1;
/** Between two lines of progress in a JSON log. */
const LINE_EVERY_S = 5;

/** Warnings, log lines and progress on stderr. */
export class ConsoleReporter implements Reporter {
  readonly #terminal: Terminal;
  readonly #flags: GlobalFlags;
  readonly #startedAt = systemClock.monotonic();
  #nextLineAt = 0;
  #bar: SingleBar | "loading" | undefined;
  /** The work in progress, and how much of it was done when its time began. */
  #work = { label: "", from: 0, since: 0 };
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
    if (this.#flags.quiet || systemClock.monotonic() - this.#startedAt < PATIENCE_S) return;
    if (this.#terminal.err.isJson) this.#progressLine(label, done, total);
    else if (this.#terminal.isDrawable) this.#progressBar(label, done, total);
  }

  /** On stdout; with a format for programs on stderr, and there as events in a JSON log. */
  async done<E extends keyof DoneItems>(event: E, items: readonly DoneItems[E][], dryRun: boolean): Promise<void> {
    if (items.length === 0) return;
    const { doneEvent, doneLine } = await import("../render/item-lines.ts");
    const { out, err } = this.#terminal;
    const forPeople = isText(this.#flags.output);
    if (!forPeople && err.isJson) return err.sayAll(items.map((item) => doneEvent(event, item, dryRun)));
    return (forPeople ? out : err).writeAll(items.map((item) => `${doneLine(event, item, dryRun)}\n`));
  }

  #progressBar(label: string, done: number, total: number): void {
    if (this.#work.label !== label) this.#work = { label, from: done, since: systemClock.monotonic() };
    const { from, since } = this.#work;
    const progress: Progress = { label, done, total, from, seconds: systemClock.monotonic() - since };
    if (this.#bar === undefined) void this.#openBar(progress);
    else if (this.#bar !== "loading") this.#bar.update(done, progress);
  }

  /** Takes the progress away and waits until all lines are out. */
  async end(): Promise<void> {
    if (this.#bar === "loading") this.#bar = undefined;
    if (this.#bar !== undefined) this.#terminal.clear();
    await this.#pending;
  }

  #say(event: LogEvent): void {
    this.#pending = this.#pending.then(() => this.#terminal.err.say(event));
  }

  /** A log is to have a line of it now and then, not one a batch. */
  #progressLine(label: string, done: number, total: number): void {
    if (systemClock.monotonic() < this.#nextLineAt) return;
    this.#nextLineAt = systemClock.monotonic() + LINE_EVERY_S;
    this.#say({ level: "info", msg: label, fields: { done, total } });
  }

  async #openBar(progress: Progress): Promise<void> {
    this.#bar = "loading";
    const [{ SingleBar }, { progressLine }] = await Promise.all([
      import("cli-progress").then((module) => module.default),
      import("../render/progress.ts"),
    ]);
    if (this.#bar !== "loading") return;
    this.#bar = undefined;
    if (!this.#terminal.isDrawable) return;
    const format = (_options: unknown, _params: unknown, latest: Progress) =>
      progressLine(latest, this.#terminal.errWidth);
    this.#terminal.draw(
      (stream) => {
        this.#bar = new SingleBar({ format, stream, clearOnComplete: true, hideCursor: true });
        this.#bar.start(progress.total, progress.done, progress);
      },
      () => {
        if (this.#bar !== "loading") this.#bar?.stop();
        this.#bar = undefined;
      },
    );
  }
}
