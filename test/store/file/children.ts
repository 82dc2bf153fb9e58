import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { buildSync } from "esbuild";
import { afterAll, beforeAll } from "vitest";
import type { ChildTask } from "./child.ts";

type Child = ChildProcessByStdio<null, Readable, null>;

/** How a child is started: the command that its lock shows, and its user. */
export interface ChildOptions {
  readonly args?: readonly string[];
  readonly uid?: number;
}

/** Builds `child.ts` for the tests of a file. Returns what starts one, and gives its first line with it. */
export function useChildren(): (task: ChildTask, options?: ChildOptions) => Promise<{ child: Child; line: string }> {
  let folder = "";
  const running = new Set<Child>();
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "ttsctl-child-"));
    chmodSync(folder, 0o755); // for a child that runs as another user
    const entry = new URL("child.ts", import.meta.url).pathname;
    buildSync({
      entryPoints: [entry],
      bundle: true,
      platform: "node",
      target: "node20",
      format: "esm",
      outfile: join(folder, "child.mjs"),
    });
  });
  afterAll(() => {
    for (const child of running) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  return async (task, { args = [], uid } = {}) => {
    const env = { ...process.env, TASK: JSON.stringify(task) };
    const child = spawn(process.execPath, [join(folder, "child.mjs"), ...args], {
      env,
      cwd: tmpdir(),
      stdio: ["ignore", "pipe", "inherit"],
      ...(uid === undefined ? {} : { uid }),
    });
    running.add(child);
    child.once("exit", () => running.delete(child));
    const lines = createInterface({ input: child.stdout });
    const silent = once(child, "close").then(() => Promise.reject(new Error("the child ended and said nothing")));
    const [line] = (await Promise.race([once(lines, "line"), silent])) as [string];
    return { child, line };
  };
}
