import { constants } from "node:fs";
import { open, readFile, rename } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { describeSystemError, isRedisError, systemErrorCode, TtsctlError } from "../errors.ts";
import type { CleanupOutcome } from "../operations/cleanup.ts";
import { VERSION } from "../version.ts";
import type { Context } from "./context.ts";
import { isOneOf } from "./same-file.ts";

/** Everybody may read it: the exporter runs as another user. */
const MODE = 0o644;

/** What a pass tells as soon as it knows. */
export type Observe = (outcome: CleanupOutcome) => void;

/**
 * Runs a cleanup pass and writes how it went to a file for node_exporter's textfile collector, also where it failed. A
 * file that cannot be written is a warning: the pass counts all the same.
 * @param path null where none is asked for
 * @throws TtsctlError USAGE where the path names the store file or another file that is in use; and what the pass throws
 */
export async function measured(
  context: Context,
  path: string | null,
  pass: (observe: Observe) => Promise<number>,
): Promise<number> {
  if (path === null) return pass(() => {});
  const target = resolve(context.cwd, path);
  await refuseOtherFiles(context, target);
  const started = context.clock.monotonic();
  let outcome: CleanupOutcome | null = null;
  const observe = (seen: CleanupOutcome) => {
    outcome = seen;
  };
  const ended = (exitCode: number, error: string | null) => {
    const duration = Math.round((context.clock.monotonic() - started) * 1000) / 1000;
    return writeMetrics(context, target, { exitCode, error, duration, outcome });
  };
  try {
    const exitCode = await pass(observe);
    await ended(exitCode, null);
    return exitCode;
  } catch (error) {
    const { code, exitCode } = error instanceof TtsctlError ? error : { code: "INTERNAL", exitCode: 1 };
    await ended(exitCode, code);
    throw error;
  }
}

async function refuseOtherFiles(context: Context, target: string): Promise<void> {
  const { store, audit, configPath } = await context.settings();
  const inUse = [store.path.value, audit.path.value, configPath].filter((path) => path !== null);
  if (!(await isOneOf(target, inUse))) return;
  throw new TtsctlError("USAGE", `--metrics-file names ${target}, which is a file of its own`, {
    hint: "name another file",
  });
}

interface Ended {
  readonly exitCode: number;
  readonly error: string | null;
  /** Seconds */
  readonly duration: number;
  readonly outcome: CleanupOutcome | null;
}

async function writeMetrics(context: Context, target: string, { outcome, ...ended }: Ended): Promise<void> {
  const { store, redis } = await context.settings();
  const { addPass, isPassMetrics, passMetricsText, totalsIn } = await import("../render/pass-metrics.ts");
  try {
    const before = await readFile(target, "utf8").catch(orEmpty);
    if (!isPassMetrics(before)) throw new Error("there is another file of that name, which is left alone");
    const pass = {
      ...{ ...ended, store: store.path.value, version: VERSION, endedAt: context.clock.now() },
      ...{ result: outcome?.result ?? null, ...(outcome?.sizes ?? { fileTasks: null, redisTasks: null }) },
      redisUp: outcome === null || !redis.enabled.value ? null : !isRedisError(outcome.problem),
    };
    await replace(target, await passMetricsText(pass, addPass(totalsIn(before), pass)));
  } catch (error) {
    const isForeign = error instanceof Error && systemErrorCode(error) === undefined;
    const reason = isForeign ? error.message : describeSystemError(error);
    context.reporter.warn(`the metrics file ${target} was not written: ${reason}`);
  }
}

function orEmpty(error: unknown): string {
  if (systemErrorCode(error) === "ENOENT") return "";
  throw error;
}

/** At once, so that the exporter never reads half of it. */
async function replace(target: string, text: string): Promise<void> {
  const temporary = join(dirname(target), `.${basename(target)}.ttsctl`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const handle = await open(temporary, flags, MODE);
  try {
    await handle.writeFile(text);
    await handle.chmod(MODE); // whatever the umask is
  } finally {
    await handle.close();
  }
  await rename(temporary, target);
}
