import { resolve } from "node:path";
import type { Command } from "commander";
import type { Ended } from "../app/ended.ts";
import { RunParts } from "../app/parts.ts";
import { type LoadOptions, loadSettings } from "../config/load.ts";
import type { Settings } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import type { MaxDelete, PlanSummary } from "../operations/brake.ts";
import type { MergePolicy } from "../operations/merge/merge.ts";
import type { DoneItems, WarningFields } from "../operations/reporter.ts";
import { printable } from "../printable.ts";
import type { TimeStyle } from "../render/item.ts";
import { doneEvent, doneLine, type LogEvent, planLines, progressLine } from "../render/item-lines.ts";
import { type TableStyle, table } from "../render/table.ts";
import type { SourceChoice } from "../store/mirror-link.ts";
import { type GlobalFlags, isText, type Terminal } from "./terminal.ts";

export interface Surroundings {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly argv: readonly string[];
  readonly pageFolder: string;
  /** Aborted by SIGINT or SIGTERM. After the first call these signals don't end the process at once. */
  readonly stopSignal: () => AbortSignal;
}

interface Forms {
  json(): Iterable<string>;
  /** Default: as JSON. */
  jsonLines?(): Iterable<string>;
  csv?(csv: typeof import("../render/csv.ts")): Iterable<string>;
  text(): Promise<string> | string;
}

export class Context extends RunParts {
  readonly terminal: Terminal;
  declare readonly reporter: ReturnType<typeof consoleReporter>;

  constructor(
    readonly surroundings: Surroundings,
    readonly flags: GlobalFlags,
  ) {
    const { terminal, stopSignal, argv, cwd, env } = surroundings;
    const reporter = consoleReporter(terminal, flags);
    super({
      clock: terminal.clock,
      reporter,
      log: (line) => reporter.log(line),
      signal: stopSignal,
      loadSettings: () => this.loadSettings(),
      caller: { argv, cwd, env, request: null },
    });
    this.terminal = terminal;
  }

  /** A context for a step of the run. It logs, unless the flags say otherwise. */
  fork(settings: Settings, terminal = this.terminal, flags: Partial<GlobalFlags> = {}): Context {
    const given = { ...this.flags, verbose: Math.max(1, this.flags.verbose), ...flags };
    return new Context({ ...this.surroundings, terminal }, given).joins(this, settings, false);
  }

  /** The file of `--backup`, opened to append; null for a dry run and without the flag. */
  async openBackup({ backup: path, dryRun, metricsFile }: Pick<Flags, "backup" | "dryRun" | "metricsFile">) {
    if (path === undefined || dryRun) return null;
    const { openBackup } = await import("../operations/backup.ts");
    const backup = await openBackup(resolve(this.caller.cwd, path), await this.filesInUse(metricsFile));
    this.onRelease(() => backup.close());
    return backup;
  }

  tableStyle(): Promise<TableStyle> {
    return this.terminal.tableStyle(this.flags.color);
  }

  async table(head: readonly string[], rows: readonly (readonly string[])[], least?: null): Promise<string> {
    const cells = rows.map((row) => row.map(printable));
    return table(head, cells, await this.tableStyle(), least);
  }

  /** Prints a result in the format of `-o`. */
  async emit({ json, jsonLines = json, csv, text }: Forms): Promise<void> {
    const { data, out } = this.terminal;
    const { output } = this.flags;
    if (output === "json") return data.writeAll(json());
    if (output === "jsonl") return data.writeAll(jsonLines());
    if (output === "yaml") return data.write((await import("../render/yaml.ts")).yamlOf([...json()].join("")));
    if (output === "csv") return data.writeAll(csv!(await import("../render/csv.ts")));
    return out.write(await text());
  }

  emitObject(object: object, text: Forms["text"]): Promise<void> {
    return this.emit({ json: () => [`${JSON.stringify(object)}\n`], text });
  }

  /** Prints what a run did, and returns its exit code. @throws what ended it early */
  async conclude<R extends object>({ result, error, exitCode }: Ended<R>, text: Forms["text"]): Promise<number> {
    await this.emitObject(result, text);
    if (error !== null) throw error;
    return exitCode;
  }

  /** Asks before tasks are changed; without a terminal `--yes` is needed. @throws CONFIRMATION_REQUIRED, DECLINED, INTERRUPTED */
  confirmation(yes: boolean, question: (count: number) => string, done = "deleted") {
    const { terminal } = this;
    return async (planned: number | PlanSummary): Promise<void> => {
      if (yes) return;
      const asked = question(typeof planned === "number" ? planned : planned.count);
      if (!terminal.isInteractive()) {
        const what = `refusing to ${asked[0]!.toLowerCase()}${asked.slice(1, -1)} without confirmation`;
        throw new TtsctlError("CONFIRMATION_REQUIRED", what, { hint: "add --yes, or preview with --dry-run" });
      }
      if (typeof planned !== "number") await terminal.err.write(planLines(planned));
      const answer = await terminal.ask(`${asked} [y/N] `, this.signal, `nothing was ${done}`);
      if (!/^y(es)?$/i.test(answer.trim())) throw new TtsctlError("DECLINED", `declined: nothing was ${done}`);
    };
  }

  /** A line for people on stderr, not with -q. */
  async inform(line: string): Promise<void> {
    if (!this.flags.quiet) await this.terminal.err.write(`${printable(line)}\n`);
  }

  /** A line with its time, printed also with -q. */
  note(level: LogEvent["level"], msg: string, fields: NonNullable<LogEvent["fields"]> = {}): Promise<void> {
    return this.terminal.err.sayWhen({ level, msg, fields });
  }

  override release(): Promise<void> {
    return super.release().finally(() => this.reporter.end());
  }

  async loadSettings(): Promise<Settings> {
    const settings = await loadSettings(this.loadOptions());
    for (const line of settings.warnings) this.reporter.warn(line);
    return settings;
  }

  loadOptions(): LoadOptions {
    return { flags: { ...this.flags }, env: this.caller.env, cwd: this.caller.cwd };
  }
}

type ReadingSwitch = "all" | "headers" | "pager" | "exitStatus" | "watch" | "follow" | "details" | "disk" | "explain";
type ChangingSwitch = "dryRun" | "yes" | "force" | "allowEmpty" | "allowMismatch" | "skipInvalid" | "checksum" | "once";
type RunSwitch = "prune" | "repair" | "restore" | "sync" | "readOnly" | "orphans";
/** `to`: a file, or the new status of `mark`. */
type TextFlag = "user" | "status" | "ids" | "backup" | "error" | "to" | "file" | "metricsFile";

/** The flags of all commands; each has those that it declares. A selection may have several users: its flags are read by name. */
export interface Flags
  extends Readonly<Record<ReadingSwitch | ChangingSwitch | RunSwitch, boolean>>,
    Readonly<Partial<Record<TextFlag, string>>> {
  readonly source: SourceChoice;
  /** Infinity for all; undefined for a page. */
  readonly limit?: number;
  readonly columns?: readonly string[];
  /** Default: ages in a table on a terminal, else as written. */
  readonly time?: TimeStyle;
  readonly interval?: number;
  readonly tail?: number;
  readonly maxDelete?: MaxDelete;
  readonly maxMark?: MaxDelete;
  readonly merge: MergePolicy;
}

export interface CommandSpec {
  /** One line. */
  readonly about: string;
  /** Gives the command its arguments and flags. */
  declare?(command: Command): unknown;
  /** Returns the exit code, if it isn't 0. The context is released in any case. */
  run(context: Context, flags: Flags, args: string[]): Promise<number> | Promise<void>;
  readonly examples: string;
}

/** @param onWarning gets each warning, also with -q */
export function consoleReporter(terminal: Terminal, flags: GlobalFlags, onWarning = (_line: string) => {}) {
  const { out, err, clock } = terminal;
  let nextProgressAt = clock.monotonic() + 1; // shorter work shows none
  /** The current work, and how much of it was done at the start. */
  let work = { label: "", from: 0, since: 0 };
  let pending: Promise<void> = Promise.resolve();

  function say(event: LogEvent): void {
    const written = err.say(event); // at once, so lines of the command come after it
    pending = pending.then(() => written);
  }

  return {
    warn(msg: string, fields: WarningFields = {}): void {
      onWarning(msg);
      if (!flags.quiet) say({ level: "warn", msg, fields });
    },

    log(msg: string): void {
      if (flags.verbose > 0) say({ level: "info", msg });
    },

    progress(label: string, done: number, total: number): void {
      const now = clock.monotonic();
      if (work.label !== label) work = { label, from: done, since: now };
      if (flags.quiet || now < nextProgressAt) return;
      nextProgressAt = now + (err.isJson ? 5 : 0.1);
      const room = (terminal.streams.stderr.columns || 80) - "^C ".length; // a terminal prints it there
      const progress = { label, done, total, from: work.from, seconds: now - work.since };
      if (err.isJson) say({ level: "info", msg: label, fields: { done, total } });
      else if (terminal.isDrawable()) terminal.draw(progressLine(progress, room));
    },

    /** On stdout; with a format for programs on stderr, as events in a JSON log. */
    async done<E extends keyof DoneItems>(event: E, items: readonly DoneItems[E][], dryRun: boolean): Promise<void> {
      if (items.length === 0 || flags.summary || flags.quiet) return;
      const forPeople = isText(flags.output);
      if (!forPeople && err.isJson) {
        for (const item of items) await err.say(doneEvent(event, item, dryRun));
        return;
      }
      return (forPeople ? out : err).writeAll(items.map((item) => `${doneLine(event, item, dryRun)}\n`));
    },

    /** Erases the progress and waits until all lines are written. */
    async end(): Promise<void> {
      terminal.clear();
      await pending;
    },
  };
}
