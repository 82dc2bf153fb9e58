import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { PassThrough, Writable } from "node:stream";
import { type Clock, systemClock } from "../../src/clock.ts";
import { main } from "../../src/main.ts";
import { cleanEnv } from "./clean-env.ts";
import { lacks } from "./lacks.ts";
import { BUILT, binary } from "./ttsctl.ts";
import { until } from "./until.ts";

/** util-linux's script(1) gives a command a terminal. */
export const SCRIPT = "/usr/bin/script";
export const hasPty = !lacks(SCRIPT);

type Env = Record<string, string>;
type Size = readonly [columns: number, rows: number];

/** A command on a terminal: what it prints on either output, and a keyboard. */
export interface TerminalRun {
  readonly text: string;
  says(pattern: RegExp): Promise<void>;
  type(keys: string): void;
  resize(columns: number, rows: number): void;
  kill(signal: "SIGINT" | "SIGTERM"): void;
  /** The exit code, once it has ended. */
  end(): Promise<number | null>;
}

/** Starts a command in this process on twins of a terminal's streams; signals of the job and of the kernel need `OnTerminal`. */
export function onTerminal(
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
  size: Size = [80, 24],
  clock?: Clock,
): TerminalRun {
  return BUILT ? new OnTerminal(args, cwd, env, size) : new InProcessTerminal(args, cwd, env, size, clock);
}

class Screen extends Writable {
  readonly isTTY = true;
  columns = 0;
  rows = 0;
  readonly #onText: (text: string) => void;

  constructor(onText: (text: string) => void) {
    super({ decodeStrings: false });
    this.#onText = onText;
  }

  override _write(text: string, _: string, done: () => void): void {
    this.#onText(text.replace(/\r?\n/g, "\r\n")); // as the kernel does
    done();
  }
}

class InProcessTerminal implements TerminalRun {
  readonly #stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => {
      this.#isRaw = isRaw;
    },
  });
  #isRaw = false;
  readonly #screen = new Screen((text) => {
    this.text += text;
  });
  readonly #stop = new AbortController();
  readonly #ended: Promise<number>;
  text = "";

  constructor(argv: readonly string[], cwd: string, env: Env, [columns, rows]: Size, clock: Clock = systemClock) {
    Object.assign(this.#screen, { columns, rows });
    const streams = { stdin: this.#stdin, stdout: this.#screen, stderr: this.#screen };
    const stopSignal = () => this.#stop.signal;
    this.#ended = main({ argv, env: cleanEnv({ TERM: "xterm", ...env }), cwd, streams, stopSignal, clock });
  }

  async says(pattern: RegExp): Promise<void> {
    await until(() => pattern.test(this.text));
  }

  type(keys: string): void {
    if (keys === "\u0003" && !this.#isRaw) this.kill("SIGINT");
    else this.#stdin.write(keys);
  }

  resize(columns: number, rows: number): void {
    Object.assign(this.#screen, { columns, rows }).emit("resize");
  }

  kill(_: "SIGINT" | "SIGTERM"): void {
    this.#stop.abort();
  }

  end(): Promise<number> {
    return this.#ended;
  }
}

/** A run of the built binary on a terminal of the kernel's. */
export class OnTerminal implements TerminalRun {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;
  text = "";

  /** @param size columns and rows; without it those that script(1) gives */
  constructor(args: readonly string[], cwd: string, env: Record<string, string> = {}, size?: Size) {
    const words = [process.execPath, binary(), ...args].map((word) => `'${word}'`).join(" ");
    const command = size === undefined ? words : `stty cols ${size[0]} rows ${size[1]}; exec ${words}`;
    this.#child = spawn(SCRIPT, ["-qec", command, "/dev/null"], { cwd, env: cleanEnv({ TERM: "xterm", ...env }) });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.text += text;
    });
    this.#child.stdin.on("error", () => {});
  }

  async says(pattern: RegExp): Promise<void> {
    await until(() => pattern.test(this.text));
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** The process on the terminal; only for a run with a size. */
  get pid(): number {
    const { pid } = this.#child;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
  }

  resize(columns: number, rows: number): void {
    const terminal = `/proc/${this.pid}/fd/0`;
    spawnSync("stty", ["-F", terminal, "cols", String(columns), "rows", String(rows)]);
  }

  /** Only for a run with a size. */
  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  async end(): Promise<number | null> {
    return this.#ended;
  }
}
