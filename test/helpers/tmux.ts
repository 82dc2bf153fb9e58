import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { cleanEnv } from "./clean-env.ts";
import { binary } from "./ttsctl.ts";
import { until } from "./until.ts";

export interface ShellOptions {
  readonly cwd: string;
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Record<string, string>;
}

const PROMPT = "$";

/** An interactive shell in a real terminal emulator (Debian's tmux): what a person would see of a command. */
export class Shell {
  readonly #folder = mkdtempSync(join(tmpdir(), "ttsctl-tmux-"));

  /** @param options by default 100 columns and 30 rows */
  static async open({ cwd, columns = 100, rows = 30, env = {} }: ShellOptions): Promise<Shell> {
    const shell = new Shell();
    onTestFinished(() => shell.close());
    const path = [dirname(binary()), dirname(process.execPath), process.env.PATH].join(":");
    const size = ["-x", String(columns), "-y", String(rows)];
    const words = ["env", "-u", "TMUX", "bash", "--norc", "--noprofile"];
    const all = cleanEnv({ PATH: path, PS1: `${PROMPT} `, HISTFILE: "", ...env });
    shell.#tmux(["-f", "/dev/null", "new-session", "-d", ...size, "-c", cwd, ...words], all);
    shell.#tmux(["set", "-g", "status", "off"]);
    shell.#tmux(["resize-window", ...size]);
    shell.#tmux(["pipe-pane", `cat > '${shell.#folder}/written'`]);
    await shell.shows((lines) => lines[0] === PROMPT);
    return shell;
  }

  /** What is on the screen, without the empty lines below it. */
  get lines(): string[] {
    return this.#tmux(["capture-pane", "-p"]).trimEnd().split("\n");
  }

  /** All that was written to the terminal. */
  get written(): string {
    return readFileSync(join(this.#folder, "written"), "utf8");
  }

  /** Where the cursor is, from 0, and whether it is shown. */
  get cursor(): { column: number; row: number; isShown: boolean } {
    const answer = this.#tmux(["display-message", "-p", "#{cursor_x} #{cursor_y} #{cursor_flag}"]);
    const [column, row, flag] = answer.split(" ").map(Number);
    return { column: column!, row: row!, isShown: flag === 1 };
  }

  /** Runs a command line to its end and returns what is on the screen between it and the prompt below it. */
  async run(line: string): Promise<string[]> {
    await this.begin(line);
    return this.ended();
  }

  /** Begins one on an empty screen. */
  async begin(line: string): Promise<void> {
    this.keys("C-l");
    await this.shows((lines) => lines.length === 1 && lines[0] === PROMPT);
    this.#tmux(["send-keys", "-l", line]);
    this.keys("Enter");
  }

  /** The same for one that runs already. */
  async ended(): Promise<string[]> {
    await this.shows((lines) => lines.length > 1 && lines.at(-1) === PROMPT, 30);
    return this.lines.filter((line) => !line.startsWith(PROMPT));
  }

  /** Presses keys, by tmux' names for them. */
  keys(...names: string[]): void {
    this.#tmux(["send-keys", ...names]);
  }

  async shows(isShown: RegExp | ((lines: string[]) => boolean), seconds?: number): Promise<void> {
    const matches = typeof isShown === "function" ? isShown : (lines: string[]) => isShown.test(lines.join("\n"));
    await until(() => matches(this.lines), seconds).catch((cause) => {
      throw new Error(`not shown: ${isShown}; the screen is\n${this.lines.join("\n")}`, { cause });
    });
  }

  resize(columns: number, rows: number): void {
    this.#tmux(["resize-window", "-x", String(columns), "-y", String(rows)]);
  }

  close(): void {
    this.#tmux(["kill-server"]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #tmux(args: readonly string[], env = cleanEnv()): string {
    return execFileSync("tmux", ["-u", "-S", join(this.#folder, "socket"), ...args], { encoding: "utf8", env });
  }
}
