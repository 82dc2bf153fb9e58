import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cleanEnv } from "../test/helpers/clean-env.ts";

/** Debian's own, since it has Debian's python3-rq and python3-fastapi. */
export const PYTHON = "/usr/bin/python3";

/** The cost of one run of a program. */
export interface Cost {
  /** Wall time from its start to its end. */
  readonly seconds: number;
  /** CPU time of the program; absent if only a part of its work was measured. */
  readonly cpuSeconds?: number;
  /** CPU time of the site's Redis during the run. */
  readonly redisCpuSeconds?: number;
  /** The largest resident memory, MB (10^6 bytes). */
  readonly peakMb: number;
  readonly stdout: string;
}

export interface Program {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** The file that it reads from stdin. */
  readonly stdin?: string;
  /** Variables besides those that every program gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** The expected exit code. */
  readonly code?: number;
}

/** The output of `measure.py`. */
interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakKiB: number;
  readonly code: number;
}

/** The running program with its children, which must not outlive the bench. */
let running: ChildProcess | undefined;
process.once("exit", () => {
  if (running?.pid !== undefined) process.kill(-running.pid, "SIGKILL");
});

/** Runs programs one at a time; their output goes into files of this folder. */
export class Stopwatch {
  readonly #folder: string;
  readonly #measure: string;

  /** @param bench the folder of this file, wherever it was bundled to */
  constructor(folder: string, bench: string) {
    this.#folder = folder;
    this.#measure = join(bench, "measure.py");
  }

  /** @throws Error for an unexpected exit code */
  async cost({ argv, cwd, stdin = "/dev/null", env = {}, code = 0 }: Program): Promise<Cost> {
    const [result, stdout, stderr] = ["result", "stdout", "stderr"].map((name) => join(this.#folder, name));
    const args = [this.#measure, result!, stdin, stdout!, stderr!, ...argv];
    running = spawn(PYTHON, args, {
      ...{ cwd, env: cleanEnv({ PYTHONDONTWRITEBYTECODE: "1", ...env }), stdio: ["ignore", "ignore", "inherit"] },
      detached: true, // a new process group, which can be killed as a whole
    });
    await once(running, "exit");
    running = undefined;
    const said = JSON.parse(readFileSync(result!, "utf8")) as Measured;
    if (said.code !== code) {
      throw new Error(`${argv.join(" ")} ended with ${said.code}, not ${code}: ${readFileSync(stderr!, "utf8")}`);
    }
    const { seconds, cpuSeconds } = said;
    return { seconds, cpuSeconds, peakMb: said.peakKiB / 976.5625, stdout: readFileSync(stdout!, "utf8") };
  }
}
