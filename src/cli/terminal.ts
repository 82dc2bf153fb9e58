import type { ChalkInstance } from "chalk";
import type { TableStyle } from "../render/table.ts";
import type { GlobalFlags } from "./globals.ts";
import { Output, type Streams } from "./io.ts";

/** A run's two outputs, and how they may look. */
export class Terminal {
  readonly out: Output;
  readonly err: Output;
  readonly #streams: Streams;
  readonly #env: NodeJS.ProcessEnv;

  constructor(streams: Streams, env: NodeJS.ProcessEnv) {
    this.#streams = streams;
    this.#env = env;
    this.out = new Output(streams.stdout);
    this.err = new Output(streams.stderr);
  }

  get stdin(): Streams["stdin"] {
    return this.#streams.stdin;
  }

  /** Whether somebody sits there who can be asked. */
  get isInteractive(): boolean {
    return this.#streams.stdin.isTTY === true && this.#streams.stderr.isTTY === true;
  }

  get errIsTerminal(): boolean {
    return this.#streams.stderr.isTTY === true;
  }

  /** How a table is to look: cut and coloured for a terminal, whole and plain for a pipe. */
  async tableStyle(flags: GlobalFlags): Promise<TableStyle> {
    const { Chalk } = await import("chalk");
    const isTerminal = this.#streams.stdout.isTTY === true;
    return {
      width: isTerminal ? (this.#streams.stdout.columns ?? 80) : null,
      chalk: this.#chalk(Chalk, flags, isTerminal),
    };
  }

  /** NO_COLOR and FORCE_COLOR by their conventions; chalk 5 looks at neither. */
  #chalk(
    Chalk: new (options: { level: 0 | 1 }) => ChalkInstance,
    flags: GlobalFlags,
    isTerminal: boolean,
  ): ChalkInstance {
    const forced = (this.#env.FORCE_COLOR ?? "") !== "" && this.#env.FORCE_COLOR !== "0";
    const refused = !flags.color || (this.#env.NO_COLOR ?? "") !== "" || this.#env.TERM === "dumb";
    return new Chalk({ level: !refused && (isTerminal || forced) ? 1 : 0 });
  }
}
