import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A record as these tests write it. */
export interface Rec {
  readonly user_id: string;
  readonly task_id: string;
  readonly updated_at: number;
  readonly [field: string]: unknown;
}

export const rec = (task: string, updated = 1, more: object = {}): Rec => ({
  ...{ user_id: "alice", task_id: task, updated_at: updated },
  ...more,
});

/** What `json.dump(indent=2)` writes. */
export const dump = (records: readonly Rec[]): string => JSON.stringify(records, null, 2);

export const load = (path: string): Rec[] => JSON.parse(readFileSync(path, "utf8")) as Rec[];

export const idsIn = (path: string): string[] => load(path).map((record) => record.task_id);

/** Writes as the service does: a temporary file of its own, then `os.replace`. */
export function replaceStore(path: string, records: readonly Rec[]): void {
  const temporary = join(dirname(path), "voice_task.tmp");
  writeFileSync(temporary, dump(records));
  renameSync(temporary, path);
}

/** Writes the records back whenever the file is without one of them, `times` times. Returns what ends it. */
export function bringBack(path: string, records: readonly Rec[], times: number): { written: number; stop(): void } {
  const state = { written: 0, stop: () => watcher.close() };
  const watcher = watch(dirname(path), (_, name) => {
    if (name !== basename(path) || state.written >= times || !existsSync(path)) return;
    const present = new Set(idsIn(path));
    if (records.every((record) => present.has(record.task_id))) return;
    state.written++;
    replaceStore(path, records);
  });
  return state;
}

/**
 * An `mv` that comes before the real one in PATH, for what happens between two steps of a rewrite.
 * @param script in the language of sh(1); `$MV "$@"` is the real one, `$n` counts the calls from 1
 */
export class FakeMv {
  readonly #folder: string;
  readonly #path = process.env.PATH;

  constructor(folder: string, script: string) {
    this.#folder = join(folder, "fake-bin");
    mkdirSync(this.#folder);
    const head = `#!/bin/sh\nPATH='${this.#path}'\nMV=mv\ncd '${folder}'\necho x >> calls\nn=$(wc -l < calls)\n`;
    writeFileSync(join(this.#folder, "mv"), head + script);
    chmodSync(join(this.#folder, "mv"), 0o755);
    process.env.PATH = `${this.#folder}:${this.#path}`;
  }

  remove(): void {
    process.env.PATH = this.#path;
    rmSync(this.#folder, { recursive: true });
  }
}
