import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Run, Running, type RunOptions } from "../../helpers/ttsctl.ts";
import { until } from "../../helpers/until.ts";

/** What is to happen at which of the steps that a run takes (see hook.mjs). */
export interface Fault {
  /** -1: none; the steps are counted. */
  readonly at: number;
  readonly act: "kill" | "stop" | "fail";
  /** What a call fails with. */
  readonly code?: string;
  /** Every step, those on any file, or those on the store file, its temporary files, its folder and what is imported. */
  readonly on: "any" | "disk" | "store";
}

/** Loaded into a process before its own code. */
export const HOOK = new URL("hook.mjs", import.meta.url).href;

/**
 * Runs the built binary with a fault in it. `steps` are the names of the steps taken; none where it was killed. One that
 * stops goes on when `whileStopped` is done; one that ends before that step is not stopped.
 */
export async function runFaulty(
  args: readonly string[],
  fault: Fault,
  options: RunOptions & { whileStopped?: () => Promise<void> },
): Promise<Run & { steps: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "ttsctl-fault-"));
  const report = join(folder, "steps.json");
  const env = {
    ...options.env,
    NODE_OPTIONS: `--import ${HOOK}`,
    TTSCTL_FAULT: JSON.stringify({ ...fault, root: options.cwd, report }),
  };
  try {
    const running = new Running(args, { ...options, env });
    if (fault.act === "stop" && fault.at >= 0) {
      const isStopped = () => existsSync(`${report}.stopped`);
      let hasEnded = false;
      running.child.once("close", () => {
        hasEnded = true;
      });
      await until(() => isStopped() || hasEnded, 150); // on a busy machine the step may be late
      if (isStopped()) await options.whileStopped?.();
      running.kill("SIGCONT");
    }
    const run = await running.end();
    const steps = existsSync(report) ? (JSON.parse(readFileSync(report, "utf8")) as string[]) : [];
    return { ...run, steps };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
