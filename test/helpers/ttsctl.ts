import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { inject } from "vitest";
import { type Clock, systemClock } from "../../src/clock.ts";
import { main } from "../../src/main.ts";
import { cleanEnv } from "./clean-env.ts";
import { FastClock, TestClock } from "./clock.ts";
import { settle } from "./root.ts";
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
  /** A process has real time, so a run with another clock than a fast one is always in this process. */
  readonly clock?: Clock;
}

export interface ProcessOptions extends RunOptions {
  /** The user that runs it. */
  readonly uid?: number;
  /** The largest file that it may write, in bytes. */
  readonly fileSize?: number;
  /** Another `ttsctl` than the one that was built here. */
  readonly program?: string;
}

export function binary(): string {
  return join(inject("packageRoot"), "bin/ttsctl");
}

/** A command that runs beside the test. */
export abstract class Command {
  abstract readonly stdout: string;
  abstract readonly stderr: string;
  abstract readonly hasEnded: boolean;
  abstract readonly pid: number;
  abstract kill(signal: "SIGINT" | "SIGTERM" | "SIGHUP"): void;
  /** Waits for its end. */
  abstract end(): Promise<Run>;
  /** Ends it, whatever it does. */
  abstract stop(): Promise<void>;

  /** Waits until a text has been printed on either output. */
  says(pattern: RegExp, seconds?: number): Promise<void> {
    return until(() => {
      if (pattern.test(this.stdout + this.stderr)) return true;
      if (this.hasEnded) throw new Error(`it ended and did not say ${pattern}: ${this.stderr}`);
      return false;
    }, seconds);
  }
}

/** The same tests run the built program instead of `main` in this process. */
export const BUILT = process.env.TTSCTL_BUILT === "1";

/** Starts a command in this process. */
export function start(args: readonly string[], options: RunOptions): Command {
  const { clock } = options;
  const mayBeProcess = clock === undefined || clock instanceof FastClock;
  return BUILT && mayBeProcess ? new Running(args, options) : new InProcess(args, options);
}

/** Options of a run that stays in this process, for faults in it, when others are of the built program. */
export const inProcess = () => ({ clock: new TestClock() });

const PURGING = ["cleanup", "delete", "rm", "stats"];

/** Runs a command in this process to its end. Its time jumps over pauses. */
export function ttsctl(args: readonly string[], options: RunOptions): Promise<Run> {
  if (PURGING.some((command) => args.includes(command))) settle(options.cwd);
  return start(args, BUILT ? options : { ...inProcess(), ...options }).end();
}

/** Runs the built program in a process of its own to its end. */
export function built(args: readonly string[], options: ProcessOptions): Promise<Run> {
  return new Running(args, options).end();
}

class Collected extends Writable {
  text = "";

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(chunk: string, _: string, done: () => void): void {
    this.text += chunk;
    done();
  }
}

class InProcess extends Command {
  readonly #out = new Collected();
  readonly #err = new Collected();
  readonly #stop = new AbortController();
  readonly #ended: Promise<Run>;
  readonly pid = process.pid;
  hasEnded = false;

  constructor(argv: readonly string[], { cwd, env, input = "", keepsStdin = false, clock = systemClock }: RunOptions) {
    super();
    const startedAt = performance.now();
    const stdin = new PassThrough();
    if (!keepsStdin) stdin.end(input);
    const streams = { stdin, stdout: this.#out, stderr: this.#err };
    const stopSignal = () => this.#stop.signal;
    const pageFolder = join(inject("packageRoot"), "dist/web");
    this.#ended = main({ argv, env: cleanEnv(env), cwd, streams, stopSignal, clock, pageFolder }).then((code) => {
      this.hasEnded = true;
      const { stdout, stderr } = this;
      return { code, signal: null, stdout, stderr, ms: performance.now() - startedAt };
    });
  }

  get stdout(): string {
    return this.#out.text;
  }

  get stderr(): string {
    return this.#err.text;
  }

  kill(signal: "SIGINT" | "SIGTERM" | "SIGHUP"): void {
    if (signal !== "SIGHUP") this.#stop.abort();
    else if (!process.emit(signal, signal)) throw new Error("nothing listens for SIGHUP");
  }

  end(): Promise<Run> {
    return this.#ended;
  }

  async stop(): Promise<void> {
    this.kill("SIGTERM");
    await this.end();
  }
}

/** The built program in a process of its own. */
export class Running extends Command {
  readonly child: ChildProcessWithoutNullStreams;
  readonly #startedAt = performance.now();
  readonly #ended: Promise<[number | null, NodeJS.Signals | null]>;
  stdout = "";
  stderr = "";

  constructor(
    args: readonly string[],
    { cwd, env, input, keepsStdin, uid, fileSize, program: path = binary() }: ProcessOptions,
  ) {
    super();
    const limit = fileSize === undefined ? [] : ["prlimit", `--fsize=${fileSize}`];
    const [program, ...rest] = [...limit, process.execPath, path, ...args];
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

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get pid(): number {
    return this.child.pid!;
  }

  openFiles(): string[] {
    return openFiles(this.pid);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async stop(): Promise<void> {
    this.kill("SIGKILL");
    await this.#ended;
  }

  async end(): Promise<Run> {
    const [code, signal] = await this.#ended;
    const { stdout, stderr } = this;
    return { code, signal, stdout, stderr, ms: performance.now() - this.#startedAt };
  }
}

/** The targets of the open descriptors of a process. */
export function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).map((name) => {
    try {
      return readlinkSync(`${folder}/${name}`);
    } catch {
      return ""; // closed by now
    }
  });
}

/** The lines of an output. */
export function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** Those that have been written to their end. */
export function wholeLines(text: string): string[] {
  return lines(text.slice(0, text.lastIndexOf("\n") + 1));
}
