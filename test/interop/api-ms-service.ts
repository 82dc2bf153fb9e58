import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { utimesSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { RecordJson } from "../helpers/root.ts";

const SCRIPT = new URL("../tools/api_ms_service.py", import.meta.url).pathname;
const ENV = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" };

export const VERSIONS = ["older", "2.2", "v3"] as const;
export type Version = (typeof VERSIONS)[number];

/** How the service sees Redis. */
export interface ServiceView {
  /** Newest first. */
  readonly all: RecordJson[];
  readonly users: Record<string, RecordJson[]>;
  /** What it finds by a task id alone. */
  readonly byId: Record<string, RecordJson | null>;
  /** Keys that do not fit together. */
  readonly problems: string[];
}

/** A simulated GPT-SoVITS API service on a root and its Redis. */
export class ApiMsService {
  readonly #root: string;
  readonly #args: readonly string[];
  readonly #port: string;

  constructor(root: string, port: number, version: Version = "older") {
    this.#root = root;
    this.#args = [SCRIPT, root, "--version", version];
    this.#port = String(port);
  }

  write(...records: RecordJson[]): void {
    this.#run("write", records);
    this.#age();
  }

  /** The same for many, with one rewrite of the file. */
  fill(records: readonly RecordJson[]): void {
    this.#run("fill", records);
    this.#age();
  }

  /** Leaves an audio file and a log of each. */
  artifacts(...records: RecordJson[]): void {
    this.#run("artifacts", records);
  }

  /** Its answer to a query by ids. */
  query(userId: string, taskIds: readonly string[]): RecordJson[] {
    return JSON.parse(this.#run("query", { user_id: userId, task_ids: taskIds }));
  }

  delete(...taskIds: string[]): void {
    this.#run("delete", taskIds);
  }

  read(): ServiceView {
    return JSON.parse(this.#run("read", null)) as ServiceView;
  }

  /** Takes tasks to their end beside the test; resolves with its last word on each, by task id. */
  live(tasks: number, rate: number): { ended: Promise<Map<string, RecordJson>>; child: ChildProcess } {
    const args = [...this.#arguments("live"), "--tasks", String(tasks), "--rate", String(rate)];
    const child = spawn("python3", args, { env: ENV, stdio: ["ignore", "pipe", "inherit"] });
    const words = new Map<string, RecordJson>();
    const lines = createInterface({ input: child.stdout! });
    lines.on("line", (line) => {
      const word = JSON.parse(line) as RecordJson;
      words.set(String(word.task_id), word);
    });
    const ended = new Promise<Map<string, RecordJson>>((resolve, reject) => {
      child.once("close", (code) =>
        code === 0 ? resolve(words) : reject(new Error(`the service ended with ${code}`)),
      );
    });
    return { ended, child };
  }

  /** A file that was written just now is watched for two seconds before each change. */
  #age(): void {
    const old = Date.now() / 1000 - 3600;
    utimesSync(join(this.#root, "voice_task.json"), old, old);
  }

  #arguments(action: string): string[] {
    return [...this.#args, action, "--redis-port", this.#port];
  }

  #run(action: string, input: unknown): string {
    const run = spawnSync("python3", this.#arguments(action), {
      ...{ env: ENV, input: JSON.stringify(input), encoding: "utf8", maxBuffer: 1 << 28 },
    });
    if (run.status !== 0) throw new Error(`the service: ${run.stderr}`);
    return run.stdout;
  }
}
