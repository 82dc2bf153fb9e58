import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { binary, cleanEnv } from "./ttsctl.ts";
import { until } from "./until.ts";

/** util-linux's script(1) gives a command a terminal. */
const SCRIPT = "/usr/bin/script";
export const hasPty = existsSync(SCRIPT);

/** A run of the built binary on a terminal: what it prints on either output, and a keyboard. */
export class OnTerminal {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;
  text = "";

  constructor(args: readonly string[], cwd: string, env: Record<string, string> = {}) {
    const command = [process.execPath, binary(), ...args].map((word) => `'${word}'`).join(" ");
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

  /** The exit code, once it has ended. */
  async end(): Promise<number | null> {
    return this.#ended;
  }
}
