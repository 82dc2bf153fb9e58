import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
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

/**
 * Builds once for the whole run, and copies the result to a folder of its own: what is tested needs nothing else of the
 * project, and another build meanwhile does not disturb it.
 */
export default function setup(project: TestProject): () => void {
  const built = spawnSync(process.execPath, [join(ROOT, "script/build.mjs")], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the build failed:\n${built.stderr}`);
  const folder = mkdtempSync(join(tmpdir(), "ttsctl-package-"));
  for (const name of ["bin", "dist", "package.json"]) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  project.provide("packageRoot", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
