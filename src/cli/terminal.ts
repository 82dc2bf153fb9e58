import { parseArgs } from "node:util";
import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import { printableData } from "../printable.ts";
import { NO_COLORS, type TableStyle } from "../render/table.ts";
import { LOG_FORMATS, Log, Output, type Streams } from "./io.ts";

/** The output formats of docs/contract.md, Commands. */
export const FORMATS = ["table", "wide", "json", "jsonl", "yaml", "csv", "ids"] as const;
export type Format = (typeof FORMATS)[number];

const RESULT = ["table", "json", "jsonl"] as const;
/** What commands print, the default first. Others, which return one result, print it as a table or JSON. */
const FORMATS_OF: Readonly<Record<string, readonly Format[]>> = {
  list: FORMATS,
  query: FORMATS,
  get: [...RESULT, "yaml"],
  stats: FORMATS.filter((format) => format !== "ids"),
  verify: [...RESULT, "csv"],
  export: ["jsonl", "json", "csv"],
  events: ["jsonl", "json"],
  top: ["table"],
  completion: ["table"],
};

export function formatsOf(command: string): readonly Format[] {
  return FORMATS_OF[command] ?? RESULT;
}

export function isText(format: Format): format is "table" | "wide" {
  return format === "table" || format === "wide";
}

export interface GlobalFlags {
  readonly config?: string | undefined;
  readonly profile?: string | undefined;
  readonly store?: string | undefined;
  readonly redisUrl?: string | undefined;
  /** False for --no-redis. */
  readonly redis: boolean;
  /** False for --no-color. */
  readonly color: boolean;
  readonly output: Format;
  readonly logFormat: (typeof LOG_FORMATS)[number];
  readonly quiet: boolean;
  readonly verbose: number;
  /** Of `cleanup`: no line for each task. */
  readonly summary?: boolean;
}

/** The global flags of a command line that may be wrong or unfinished, for errors and completion. */
export function flagsIn(argv: readonly string[]): GlobalFlags {
  const text = { type: "string" } as const;
  const given = parseArgs({
    args: [...argv],
    strict: false,
    options: {
      ...{ config: text, profile: text, store: text, "redis-url": text, "log-format": text },
      output: { ...text, short: "o" },
      quiet: { type: "boolean", short: "q" },
      verbose: { type: "boolean", short: "v", multiple: true },
    },
  }).values;
  const named = (name: keyof typeof given) => (typeof given[name] === "string" ? given[name] : undefined);
  return {
    config: named("config"),
    profile: named("profile"),
    store: named("store"),
    redisUrl: named("redis-url"),
    redis: !argv.includes("--no-redis"),
    color: false,
    output: FORMATS.find((known) => known === named("output")) ?? "table",
    logFormat: LOG_FORMATS.find((known) => known === named("log-format")) ?? "text",
    quiet: true,
    verbose: [given.verbose ?? []].flat().length,
  };
}

const UTF8 = /utf-?8/i;
const ERASE_LINE_REST = "\u001b[K";
/** The outputs of a run. A drawn line is erased before a write or a question, and before another program gets the terminal. */
export class Terminal {
  /** stdout, for printable text. */
  readonly out: Output;
  /** stdout, for programs: unchanged in a pipe, printable on a terminal. */
  readonly data: Output;
  readonly err: Log;
  readonly streams: Streams;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  #isDrawn = false;
  /** What waits on stderr until another program gives the terminal back; null if none has it. */
  #held: string | null = null;
  /** Whether the last line on stdout is unfinished. */
  #isInLine = false;

  /** @param logsJson whether lines on stderr are JSON objects */
  constructor(streams: Streams, env: NodeJS.ProcessEnv, clock: Clock, logsJson: boolean) {
    this.streams = streams;
    this.env = env;
    this.clock = clock;
    const onTerminal = (text: string) => {
      this.clear();
      this.#isInLine = !text.endsWith("\n");
      return text;
    };
    this.out = new Output(streams.stdout, this.outIsTerminal ? (text) => onTerminal(this.shown(text)) : undefined);
    this.data = this.outIsTerminal ? new Output(streams.stdout, (text) => onTerminal(printableData(text))) : this.out;
    this.err = new Log(streams.stderr, logsJson, clock, (text) => {
      this.clear();
      const shown = this.errIsTerminal && !logsJson ? this.shown(text) : text;
      if (this.#held === null) return shown;
      this.#held += shown;
      return "";
    });
  }

  get #charset(): string {
    const { LC_ALL, LC_CTYPE, LANG } = this.env;
    return LC_ALL || LC_CTYPE || LANG || "";
  }

  /** With another sign for cut texts, as wide as the ellipsis, if the locale isn't UTF-8. An unset one often is. */
  shown(text: string): string {
    return this.#charset === "" || UTF8.test(this.#charset) ? text : text.replaceAll("…", "~");
  }

  get isDrawable(): boolean {
    return this.errIsTerminal && !this.#isInLine && this.#held === null;
  }

  /** Draws a line, narrower than the terminal, over the last one. */
  draw(line: string): void {
    this.#isDrawn = true;
    this.streams.stderr.write(`\r${this.shown(line)}${ERASE_LINE_REST}`);
  }

  clear(): void {
    if (this.#isDrawn) this.streams.stderr.write(`\r${ERASE_LINE_REST}`);
    this.#isDrawn = false;
  }

  /** Gives the terminal to another program until the returned function is called; lines for stderr are held back. */
  lend(): () => void {
    this.clear();
    if (this.errIsTerminal) this.#held = "";
    return () => {
      if (this.#held !== null) this.streams.stderr.write(this.#held);
      this.#held = null;
    };
  }

  /** @param undone what a signal or Ctrl-C leaves undone @throws TtsctlError INTERRUPTED */
  async ask(question: string, signal: AbortSignal, undone: string): Promise<string> {
    const { createInterface } = await import("node:readline/promises");
    this.clear();
    const lines = createInterface({ input: this.streams.stdin, output: this.streams.stderr });
    try {
      return await lines.question(question, { signal });
    } catch (cause) {
      this.streams.stderr.write("\n"); // ends the question's line
      throw new TtsctlError("INTERRUPTED", `interrupted: ${undone}`, { cause });
    } finally {
      lines.close();
    }
  }

  get isInteractive(): boolean {
    return this.streams.stderr.isTTY === true && this.streams.stdin.isTTY === true;
  }

  /** The command of the pager, as words; null without a terminal. */
  pager(): string[] | null {
    if (!this.outIsTerminal || this.streams.stdin.isTTY !== true || this.env.TERM === "dumb") return null;
    const named = this.env.TTSCTL_PAGER?.trim() || this.env.PAGER?.trim() || "less -FRX";
    return named.split(/\s+/);
  }

  get errIsTerminal(): boolean {
    return this.streams.stderr.isTTY === true;
  }

  get errWidth(): number {
    return this.streams.stderr.columns || 80;
  }

  get outIsTerminal(): boolean {
    return this.streams.stdout.isTTY === true;
  }

  /** Tables are cut and coloured for a terminal, whole and plain in a pipe. */
  async tableStyle(color: boolean): Promise<TableStyle> {
    // chalk 5 ignores NO_COLOR and FORCE_COLOR.
    const { FORCE_COLOR = "", NO_COLOR = "", TERM } = this.env;
    const isForced = FORCE_COLOR !== "" && FORCE_COLOR !== "0";
    const isColored = color && NO_COLOR === "" && TERM !== "dumb" && (this.outIsTerminal || isForced);
    return {
      blocks: isColored && this.outIsTerminal && UTF8.test(this.#charset),
      width: this.outIsTerminal ? this.streams.stdout.columns || 80 : null,
      colors: isColored ? new (await import("chalk")).Chalk({ level: 1 }) : NO_COLORS,
    };
  }
}
