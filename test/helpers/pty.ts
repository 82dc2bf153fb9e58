import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cleanEnv } from "./clean-env.ts";
import { lacks } from "./lacks.ts";
import { binary } from "./ttsctl.ts";
import { until } from "./until.ts";

/** util-linux's script(1) gives a command a terminal. */
export const SCRIPT = "/usr/bin/script";
export const hasPty = !lacks(SCRIPT);

/** A run of the built binary on a terminal: what it prints on either output, and a keyboard. */
export class OnTerminal {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;
  text = "";

  /** @param size columns and rows; without it those that script(1) gives */
  constructor(args: readonly string[], cwd: string, env: Record<string, string> = {}, size?: [number, number]) {
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

  /** The exit code, once it has ended. */
  async end(): Promise<number | null> {
    return this.#ended;
  }
}
