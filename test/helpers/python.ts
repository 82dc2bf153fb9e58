import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { LONG } from "./long.ts";
import { SEED } from "./seed.ts";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });

/** How many random cases a test tries: all in a long run; the fewest in `npm run mutants`, which has some thousand mutants. */
export function runs(count: number): number {
  return LONG ? count : Math.ceil(count / (process.env.TTSCTL_MUTANTS === undefined ? 4 : 10));
}

/**
 * What a Python script answers, in one process: JSON goes in on stdin, JSON comes out on stdout.
 * @param script beside the test that asks, such as `new URL("times.py", import.meta.url)`
 */
export function askPython<T>(script: URL, input: unknown): T {
  const options = { input: JSON.stringify(input), encoding: "utf8", maxBuffer: 1 << 30 } as const;
  const run = spawnSync("python3", [fileURLToPath(script)], options);
  if (run.status !== 0) throw new Error(`python3: ${run.stderr || run.error}`);
  return JSON.parse(run.stdout) as T;
}
