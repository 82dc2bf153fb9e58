import { parseArgs } from "node:util";
import type { Clock } from "../clock.ts";
import { TtsctlError } from "../errors.ts";
import { printableData } from "../printable.ts";
import { NO_COLORS, type TableStyle } from "../render/table.ts";
import { type LOG_FORMATS, Log, Output, type Streams } from "./io.ts";

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

export interface GlobalFlags
  extends Readonly<Partial<Record<"config" | "profile" | "store" | "redisUrl", string | undefined>>> {
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

/** How a command line asks for errors, which may be wrong or unfinished. */
export function flagsIn(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    strict: false,
    options: {
      output: { type: "string", short: "o" },
      "log-format": { type: "string" },
      verbose: { type: "boolean", short: "v", multiple: true },
    },
  });
  return {
    asJson: values.output === "json" || values.output === "jsonl",
    logsJson: values["log-format"] === "json",
    verbose: [values.verbose ?? []].flat().length,
  };
}

const UTF8 = /utf-?8/i;
const ERASE_LINE_REST = "\u001b[K";
export type Terminal = ReturnType<typeof terminalOn>;

/** The outputs of a run. A drawn line is erased before a write or a question, and before another program gets the terminal. */
export function terminalOn(streams: Streams, env: NodeJS.ProcessEnv, clock: Clock, logsJson: boolean) {
  const { stdout, stderr } = streams; // stdin is opened on first use
  const [outIsTerminal, errIsTerminal] = [stdout.isTTY === true, stderr.isTTY === true];
  const charset = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  let isDrawn = false;
  /** What waits on stderr until another program gives the terminal back; null if none has it. */
  let held: string | null = null;
  /** Whether the last line on stdout is unfinished. */
  let isInLine = false;

  function clear(): void {
    if (isDrawn) stderr.write(`\r${ERASE_LINE_REST}`);
    isDrawn = false;
  }

  /** With another sign for cut texts, as wide as the ellipsis, if the locale isn't UTF-8. An unset one often is. */
  function shown(text: string): string {
    return charset === "" || UTF8.test(charset) ? text : text.replaceAll("…", "~");
  }

  function onTerminal(text: string): string {
    clear();
    isInLine = !text.endsWith("\n");
    return text;
  }

  const out = new Output(stdout, outIsTerminal ? (text) => onTerminal(shown(text)) : undefined);
  const err = new Log(stderr, logsJson, clock, (text) => {
    clear();
    const written = errIsTerminal && !logsJson ? shown(text) : text;
    if (held === null) return written;
    held += written;
    return "";
  });

  return {
    ...{ streams, env, clock, outIsTerminal, errIsTerminal, clear, shown, err },
    /** stdout, for printable text. */
    out,
    /** stdout, for programs: unchanged in a pipe, printable on a terminal. */
    data: outIsTerminal ? new Output(stdout, (text) => onTerminal(printableData(text))) : out,
    isInteractive: () => errIsTerminal && streams.stdin.isTTY === true,
    isDrawable: () => errIsTerminal && !isInLine && held === null,

    /** Draws a line, narrower than the terminal, over the last one. */
    draw(line: string): void {
      isDrawn = true;
      stderr.write(`\r${shown(line)}${ERASE_LINE_REST}`);
    },

    /** Gives the terminal to another program until the returned function is called; lines for stderr are held back. */
    lend(): () => void {
      clear();
      if (errIsTerminal) held = "";
      return () => {
        if (held !== null) stderr.write(held);
        held = null;
      };
    },

    /** @param undone what a signal or Ctrl-C leaves undone @throws TtsctlError INTERRUPTED */
    async ask(question: string, signal: AbortSignal, undone: string): Promise<string> {
      const { createInterface } = await import("node:readline/promises");
      clear();
      const lines = createInterface({ input: streams.stdin, output: stderr });
      try {
        return await lines.question(question, { signal });
      } catch (cause) {
        stderr.write("\n"); // ends the question's line
        throw new TtsctlError("INTERRUPTED", `interrupted: ${undone}`, { cause });
      } finally {
        lines.close();
      }
    },

    /** The command of the pager, as words; null without a terminal. */
    pager(): string[] | null {
      if (!outIsTerminal || streams.stdin.isTTY !== true || env.TERM === "dumb") return null;
      return (env.TTSCTL_PAGER?.trim() || env.PAGER?.trim() || "less -FRX").split(/\s+/);
    },

    /** Tables are cut and coloured for a terminal, whole and plain in a pipe. */
    async tableStyle(color: boolean): Promise<TableStyle> {
      // chalk 5 ignores NO_COLOR and FORCE_COLOR.
      const { FORCE_COLOR = "", NO_COLOR = "", TERM } = env;
      const isForced = FORCE_COLOR !== "" && FORCE_COLOR !== "0";
      const isColored = color && NO_COLOR === "" && TERM !== "dumb" && (outIsTerminal || isForced);
      return {
        blocks: isColored && outIsTerminal && UTF8.test(charset),
        width: outIsTerminal ? stdout.columns || 80 : null,
        colors: isColored ? new (await import("chalk")).Chalk({ level: 1 }) : NO_COLORS,
      };
    },
  };
}
