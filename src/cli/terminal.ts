import { Writable } from "node:stream";
import { type Colors, NO_COLORS, type TableStyle } from "../render/table.ts";
import type { GlobalFlags } from "./globals.ts";
import { Output, type Streams } from "./io.ts";
import { Log } from "./log.ts";

/** A run's two outputs, and how they may look. */
export class Terminal {
  readonly out: Output;
  readonly err: Log;
  readonly #streams: Streams;
  readonly #env: NodeJS.ProcessEnv;

  /** @param logsJson whether lines on stderr are JSON objects */
  constructor(streams: Streams, env: NodeJS.ProcessEnv, logsJson: boolean) {
    this.#streams = streams;
    this.#env = env;
    this.out = new Output(streams.stdout);
    this.err = new Log(streams.stderr, logsJson);
  }

  /** The same terminal with other outputs, which people read. */
  with(streams: Partial<Streams>): Terminal {
    return new Terminal({ ...this.#streams, ...streams }, this.#env, false);
  }

  get stdin(): Streams["stdin"] {
    return this.#streams.stdin;
  }

  /** Whether somebody sits there who can be asked. */
  get isInteractive(): boolean {
    return this.#streams.stderr.isTTY === true && this.#streams.stdin.isTTY === true;
  }

  /** The pager that somebody at this terminal would have, as words; null where a pager makes no sense. */
  pager(): string[] | null {
    const isTerminal = this.#streams.stdout.isTTY === true && this.#streams.stdin.isTTY === true;
    if (!isTerminal || this.#env.TERM === "dumb") return null;
    const named = this.#env.TTSCTL_PAGER?.trim() || this.#env.PAGER?.trim() || "less -FRX";
    return named.split(/\s+/);
  }

  get errIsTerminal(): boolean {
    return this.#streams.stderr.isTTY === true;
  }

  /** Columns of the terminal that stderr is. */
  get errWidth(): number {
    return this.#streams.stderr.columns || 80;
  }

  get outIsTerminal(): boolean {
    return this.#streams.stdout.isTTY === true;
  }

  /** For what draws on the screen itself. */
  get outStream(): Streams["stdout"] {
    return this.#streams.stdout;
  }

  /** How a table is to look: cut and coloured for a terminal, whole and plain for a pipe. */
  async tableStyle(flags: GlobalFlags): Promise<TableStyle> {
    const isTerminal = this.#streams.stdout.isTTY === true;
    return {
      width: isTerminal ? this.#streams.stdout.columns || 80 : null,
      colors: this.#isColored(flags, isTerminal) ? await chalkColors() : NO_COLORS,
    };
  }

  /** NO_COLOR and FORCE_COLOR by their conventions; chalk 5 looks at neither. */
  #isColored(flags: GlobalFlags, isTerminal: boolean): boolean {
    const forced = (this.#env.FORCE_COLOR ?? "") !== "" && this.#env.FORCE_COLOR !== "0";
    const refused = !flags.color || (this.#env.NO_COLOR ?? "") !== "" || this.#env.TERM === "dumb";
    return !refused && (isTerminal || forced);
  }
}

async function chalkColors(): Promise<Colors> {
  const { Chalk } = await import("chalk");
  return new Chalk({ level: 1 });
}

/** A terminal that keeps what is written, and looks like another one. */
export class Recording {
  readonly terminal: Terminal;
  readonly #out = new Collected();
  readonly #err = new Collected();

  constructor(like: Terminal) {
    const { isTTY = false, columns } = like.outStream; // without a height nothing is paged
    const stdout = Object.assign(this.#out, { isTTY, ...(columns === undefined ? {} : { columns }) });
    this.terminal = like.with({ stdout, stderr: this.#err });
  }

  get outLines(): string[] {
    return this.#out.lines;
  }

  get errLines(): string[] {
    return this.#err.lines;
  }
}

class Collected extends Writable {
  #text = "";

  get lines(): string[] {
    return this.#text.split("\n").slice(0, -1);
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.#text += chunk.toString();
    done();
  }
}
