import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { until } from "./until.ts";

/** What the service says of one of its writes. */
export interface Word {
  readonly user_id: string;
  readonly task_id: string;
  readonly status: string;
  /** ISO 8601, or epoch seconds. */
  readonly updated_at: string | number;
}

const SCRIPT = new URL("../tools/service.py", import.meta.url).pathname;

/** The Python service, writing the file and Redis beside the test. */
export class Service {
  /** By `user:task`, the last that it wrote. */
  readonly lastWords = new Map<string, Word>();
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  writes = 0;
  hasEnded = false;

  constructor(root: string, timezone: string, args: readonly (string | number)[]) {
    const env = { ...process.env, TZ: timezone, PYTHONDONTWRITEBYTECODE: "1" };
    this.#child = spawn("python3", [SCRIPT, root, ...args.map(String)], { env, stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on("line", (line) => {
      const word = JSON.parse(line) as Word;
      this.lastWords.set(`${word.user_id}:${word.task_id}`, word);
      this.writes++;
    });
    const closed = new Promise((resolve) => lines.once("close", resolve));
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", async (code) => {
        await closed;
        this.hasEnded = true;
        resolve(code);
      });
    });
  }

  /** Waits until it has made so many writes. */
  async wrote(count: number): Promise<void> {
    await until(() => this.writes >= count);
  }

  async end(): Promise<number | null> {
    return this.#ended;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
