import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { cleanEnv } from "./clean-env.ts";
import { until } from "./until.ts";

export interface Run {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface RunOptions {
  readonly cwd: string;
  /** Over an environment that has nothing but what a program needs to run. */
  readonly env?: Record<string, string>;
  /** What is written to its stdin. */
  readonly input?: string;
  /** Its stdin stays open, and nothing comes. */
  readonly keepsStdin?: boolean;
  /** The user that runs it. */
  readonly uid?: number;
  /** The largest file that it may write, in bytes. */
  readonly fileSize?: number;
}

export function binary(): string {
  return join(inject("packageRoot"), "bin/ttsctl");
}

/** A run of the built binary that goes on beside the test. */
export class Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly #startedAt = performance.now();
  readonly #ended: Promise<[number | null, NodeJS.Signals | null]>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], { cwd, env, input, keepsStdin, uid, fileSize }: RunOptions) {
    const limit = fileSize === undefined ? [] : ["prlimit", `--fsize=${fileSize}`];
    const [program, ...rest] = [...limit, process.execPath, binary(), ...args];
    const as = uid === undefined ? {} : { uid, gid: uid };
    this.child = spawn(program!, rest, { cwd, env: cleanEnv(env), ...as });
    this.#ended = once(this.child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.child.stdin.on("error", () => {});
    if (!keepsStdin) this.child.stdin.end(input ?? "");
  }

  /** Waits until a text has been printed on either output. */
  async says(pattern: RegExp, seconds?: number): Promise<void> {
    await until(() => {
      if (pattern.test(this.stdout + this.stderr)) return true;
      if (this.child.exitCode !== null) throw new Error(`it ended and did not say ${pattern}: ${this.stderr}`);
      return false;
    }, seconds);
  }

  /** The targets of its open descriptors. */
  openFiles(): string[] {
    const folder = `/proc/${this.child.pid}/fd`;
    return readdirSync(folder).map((name) => {
      try {
        return readlinkSync(`${folder}/${name}`);
      } catch {
        return ""; // closed by now
      }
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async end(): Promise<Run> {
    const [code, signal] = await this.#ended;
    const { stdout, stderr } = this;
    return { code, signal, stdout, stderr, ms: performance.now() - this.#startedAt };
  }
}

/** Runs the built binary to its end. */
export function ttsctl(args: readonly string[], options: RunOptions): Promise<Run> {
  return new Running(args, options).end();
}

/** The lines of an output. */
export function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
