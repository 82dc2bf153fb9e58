import { spawnSync } from "node:child_process";
import { utimesSync } from "node:fs";
import { join } from "node:path";
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

  /** A file that was written just now is watched for two seconds before each change. */
  #age(): void {
    const old = Date.now() / 1000 - 3600;
    utimesSync(join(this.#root, "voice_task.json"), old, old);
  }

  #run(action: string, input: unknown): string {
    const run = spawnSync("python3", [...this.#args, action, "--redis-port", this.#port], {
      ...{ env: ENV, input: JSON.stringify(input), encoding: "utf8", maxBuffer: 1 << 28 },
    });
    if (run.status !== 0) throw new Error(`the service: ${run.stderr}`);
    return run.stdout;
  }
}
