import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of a package as npm would install it: bin, dist and package.json, nothing else. */
    packageRoot: string;
  }
}

const ROOT = new URL("../..", import.meta.url).pathname;
const NEEDED_TO_BUILD = ["script", "src", "web", "tsconfig.json", "node_modules"];

/**
 * Builds once for the whole run, into a separate directory: the build under test needs nothing else of the project,
 * and a concurrent build does not disturb it.
 */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "ttsctl-package-"));
  for (const name of ["bin", "package.json", "script", "src", "tsconfig.json", "web"]) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const built = spawnSync(process.execPath, [join(folder, "script/build.mjs")], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the build failed:\n${built.stderr}`);
  for (const name of NEEDED_TO_BUILD) rmSync(join(folder, name), { recursive: true });
  project.provide("packageRoot", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
