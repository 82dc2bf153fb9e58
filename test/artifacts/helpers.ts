import {
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import { type Artifacts, openArtifacts } from "../../src/artifacts/artifacts.ts";
import type { SweepRules } from "../../src/artifacts/sweep.ts";

/** The passes of these tests begin now; what they find is older unless a test makes it newer. */
export const NOW = Math.floor(Date.now() / 1000) - 1000;
export const OLD = NOW - 100_000;

/** A folder with `output/` and `Logs/`, a new one for each test. */
export function useSite(): Site {
  const site = new Site();
  beforeEach(() => site.make());
  afterEach(() => site.remove());
  return site;
}

class Site {
  root = "";
  readonly #opened: Artifacts[] = [];

  make(): void {
    this.root = mkdtempSync(join(tmpdir(), "ttsctl-artifacts-"));
    mkdirSync(this.path("output"));
    mkdirSync(this.path("Logs"));
  }

  path(name: string): string {
    return join(this.root, name);
  }

  /** Writes a file, by default of 100 bytes, with its parent directories. */
  write(name: string, content = "x".repeat(100)): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), content);
  }

  /** Sets the mtime of everything (or of everything at and below `name`), links included. */
  age(time = OLD, name = "."): void {
    for (const path of [...entries(this.path(name)), this.path(name)]) lutimesSync(path, time, time);
  }

  async open(logs = "Logs"): Promise<Artifacts> {
    const artifacts = openArtifacts({ output: this.path("output"), logs: this.path(logs) });
    this.#opened.push(artifacts);
    return artifacts;
  }

  /** Its artifacts, once these old files are in it. */
  async laid(...names: string[]): Promise<Artifacts> {
    for (const name of names) this.write(name);
    this.age();
    return this.open();
  }

  /** All paths below a folder, with the content of files; to see that nothing changed. */
  tree(name = "."): string[] {
    return entries(this.path(name)).map((path) => {
      const relative = path.slice(this.path(name).length + 1);
      return lstatSync(path).isFile() ? `${relative} ${readFileSync(path, "utf8").slice(0, 10)}` : relative;
    });
  }

  remove(): void {
    for (const artifacts of this.#opened.splice(0)) artifacts.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

function entries(folder: string): string[] {
  if (!lstatSync(folder).isDirectory()) return [];
  const names = readdirSync(folder).sort();
  return names.flatMap((name) => [join(folder, name), ...entries(join(folder, name))]);
}

/** A sweep, long after `before`, of directories last changed before it; by default no user has a record. */
export function sweepBefore(before: number, withRecords: readonly string[] = []): SweepRules {
  return { before, now: before + 1_000_000, withRecords: async () => new Set(withRecords) };
}

export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
