import { existsSync, readFileSync, renameSync, watch, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { vi } from "vitest";
import { loadPosix } from "../../../src/store/file/posix.ts";

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

/** Writes as the service does: its own temporary file, then `os.replace`. */
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

/** What another process does around the exchanges of a rewrite; `n` counts the exchanges from 1. */
export interface AtExchange {
  before?(n: number): void;
  after?(n: number): void;
  /** The code that the exchange fails with, instead of taking place. */
  fails?(n: number): string | undefined;
}

/**
 * Puts something into the microseconds between the looks and the exchange, which no other process hits on demand.
 * @returns a spy that counts the exchanges
 */
export async function atExchange({ before, after, fails }: AtExchange) {
  const posix = (await loadPosix())!;
  const exchange = posix.exchange.bind(posix);
  let n = 0;
  return vi.spyOn(posix, "exchange").mockImplementation((a, b) => {
    n++;
    before?.(n);
    const code = fails?.(n);
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    exchange(a, b);
    after?.(n);
  });
}
