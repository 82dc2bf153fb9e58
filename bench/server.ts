import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { cleanEnv } from "../test/helpers/clean-env.ts";
import { until } from "../test/helpers/until.ts";

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

interface ServerOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  readonly log: string;
}

/** A server that requests are sent to while it runs. */
export class Server {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  /**
   * Starts it and waits until it answers.
   * @param options log: the file that gets its stderr
   */
  static async start(argv: readonly string[], port: number, options: ServerOptions): Promise<Server> {
    const { cwd, env, log } = options;
    const stderr = openSync(log, "w");
    const child = spawn(argv[0]!, argv.slice(1), { cwd, env: cleanEnv(env), stdio: ["ignore", "ignore", stderr] });
    closeSync(stderr);
    running.add(child);
    child.once("exit", () => running.delete(child));
    const url = `http://127.0.0.1:${port}`;
    await until(async () => {
      if (child.exitCode !== null)
        throw new Error(`${argv.join(" ")} ended with ${child.exitCode}: ${readFileSync(log, "utf8")}`);
      return fetch(url).then(
        () => true,
        () => false, // it does not listen yet
      );
    });
    return new Server(url, child);
  }

  /** The largest resident memory so far, MB. */
  get peakMb(): number {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, "utf8"))!;
    return Number(kib) / 976.5625;
  }

  /** CPU time so far. The kernel counts it in hundredths of a second. */
  get cpuSeconds(): number {
    const afterName = readFileSync(`/proc/${this.#child.pid}/stat`, "utf8").split(") ").at(-1)!;
    const [utime, stime] = afterName.split(" ").slice(11, 13).map(Number);
    return (utime! + stime!) / 100;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
  }
}
