import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";

/** Gives each test of a file its own temporary directory. Returns a function that makes a path in it. */
export function useFolder(): (name?: string) => string {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ttsctl-files-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  return (name = ".") => join(folder, name);
}

/** Writes a file with an old mtime: nothing needs to watch it. */
export function writeOld(path: string, content: string | Uint8Array): void {
  writeFileSync(path, content);
  utimesSync(path, 1_600_000_000, 1_600_000_000);
}

/** The names in a folder, lock files aside. */
export function namesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.endsWith(".lock"))
    .sort();
}
