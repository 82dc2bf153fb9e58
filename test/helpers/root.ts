import {
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { rulesFor, settingsFor } from "./deployments.ts";

/** A record as the service writes it. */
export type RecordJson = Record<string, unknown>;

/** When everything in a root was last changed, unless a test says otherwise. */
export const LONG_AGO = 1_600_000_000;

/** A pass counts a file as written after it began if that was less than this before. */
const TICK_MS = 25;

/** Waits until files that were just put in place belong to no pass that begins now. */
export function pastTick(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TICK_MS);
}

/** Waits until the artifacts in a service's folder were put in place before any pass that begins now. */
export function settle(folder: string): void {
  const paths = ["output", "Logs"].map((top) => join(folder, top)).flatMap((top) => [top, ...below(top)]);
  const latest = paths.reduce((ms, path) => Math.max(ms, lstatSync(path, { throwIfNoEntry: false })?.ctimeMs ?? 0), 0);
  if (Date.now() - latest < TICK_MS) pastTick();
}

/** The folder of a service: config.ini, the store file, audio and logs. */
export class ServiceRoot {
  #port: number | null = null;
  readonly path = mkdtempSync(join(tmpdir(), "ttsctl-root-"));

  /** @param redisPort of a server of the kind of this run, or a plain one; null: [redis] enabled = false */
  constructor(redisPort: number | null = null, config = "") {
    this.configure(redisPort, config);
  }

  configure(redisPort: number | null, more = ""): void {
    this.#port = redisPort;
    const redis = redisPort === null ? "enabled = false" : settingsFor(redisPort);
    this.write("config.ini", `[redis]\n${redis}\n[service]\ntimezone = UTC\n${more}`);
  }

  get store(): string {
    return this.at("voice_task.json");
  }

  at(name: string): string {
    return join(this.path, name);
  }

  /** Writes a file, with the folders above it. */
  write(name: string, content: string | Uint8Array, mtime?: number): void {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), content);
    if (mtime !== undefined) utimesSync(this.at(name), mtime, mtime);
  }

  /** The store file as Python's `json.dump(records, f, ensure_ascii=False, indent=2)` writes it, long ago. */
  writeStore(records: readonly RecordJson[]): void {
    this.replaceStore(JSON.stringify(records, null, 2));
  }

  /** Puts another file in place, as the service does: never overwrites. */
  replaceStore(text: string): void {
    this.write("voice_task.tmp", text, LONG_AGO);
    renameSync(this.at("voice_task.tmp"), this.store);
  }

  readStore(): RecordJson[] {
    return JSON.parse(this.storeText()) as RecordJson[];
  }

  storeText(): string {
    return readFileSync(this.store, "utf8");
  }

  /** Audio of 100 bytes and a log of 10 for each task. */
  writeArtifacts(ids: readonly { user_id: string; task_id: string }[]): void {
    const { namesOf } = rulesFor(this.#port);
    const nameOf = (id: string) => namesOf(id).at(-1)!;
    for (const { user_id, task_id } of ids) {
      const task = nameOf(task_id);
      this.write(`output/${nameOf(user_id)}/${task}/${task}.wav`, "x".repeat(100));
      this.write(`Logs/20200101/08/${task}.log`, "y".repeat(10));
    }
    this.age();
  }

  /** Makes all artifacts and their folders old. Their ctime can't be: a purge must begin later. */
  age(mtime = LONG_AGO): void {
    for (const top of ["output", "Logs"]) {
      for (const path of [...below(this.at(top)), this.at(top)]) if (existsSync(path)) lutimesSync(path, mtime, mtime);
    }
    pastTick();
  }

  rename(from: string, to: string): void {
    renameSync(this.at(from), this.at(to));
  }

  has(name: string): boolean {
    return existsSync(this.at(name));
  }

  /** Everything in the root, files with their content, to see that nothing changed. Lock files do not count. */
  tree(): Record<string, string> {
    const files = below(this.path).filter((path) => !path.endsWith(".lock"));
    return Object.fromEntries(
      files.map((path) => [
        path.slice(this.path.length + 1),
        lstatSync(path).isFile() ? readFileSync(path, "utf8") : "",
      ]),
    );
  }

  /** Removes a file or folder of it. */
  drop(name: string): void {
    rmSync(this.at(name), { recursive: true, force: true });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function below(folder: string): string[] {
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder)
    .sort()
    .flatMap((name) => [join(folder, name), ...below(join(folder, name))]);
}
