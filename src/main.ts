import { writeSync } from "node:fs";
import { constants, getPriority, setPriority } from "node:os";
import { join } from "node:path";
import type { Surroundings } from "./cli/context.ts";
import type { Streams } from "./cli/io.ts";
import { reportError } from "./cli/report-error.ts";
import { flagsIn, terminalOn } from "./cli/terminal.ts";
import { type Clock, systemClock } from "./clock.ts";
import { TtsctlError } from "./errors.ts";
import { loadedPosix } from "./store/file/posix.ts";

/** The files of the page are beside the bundle, where the build puts them. */
const PAGE = join(import.meta.dirname, "web");

interface Invocation extends Omit<Surroundings, "terminal" | "pageFolder"> {
  readonly streams: Streams;
  readonly clock?: Clock;
  readonly pageFolder?: string;
}

/** Runs one command and returns its exit code. The only catch-all. */
export async function main(invocation: Invocation): Promise<number> {
  const { argv, env, streams, stopSignal, clock = systemClock } = invocation;
  const terminal = terminalOn(streams, env, clock, flagsIn(argv).logsJson);
  const report = (error: unknown) => reportError(error, argv, terminal);
  const stopOfOutputs = () => {
    const signal = stopSignal();
    for (const output of [terminal.out, terminal.data, terminal.err]) output.hurryAfter(signal, clock);
    return signal;
  };
  const around = async () => ({ pageFolder: PAGE, ...invocation, terminal, stopSignal: stopOfOutputs });
  let exitCode = await around().then(runCommand).catch(report);
  await terminal.out.flush();
  const { failure } = terminal.out;
  if (failure !== undefined) {
    exitCode = await report(new TtsctlError("OUTPUT_FAILED", `cannot write the output: ${failure.message}`));
  }
  await terminal.err.flush();
  return exitCode;
}

async function runCommand(surroundings: Surroundings): Promise<number> {
  const { terminal, argv } = surroundings;
  const [name, ...rest] = argv;
  const { declareProgram, runProgram } = await import("./cli/program.ts");
  if (name === "__complete") {
    // For the scripts of `completion`. An error isn't printed, because it would appear on the command line.
    const { complete } = await import("./cli/complete.ts");
    const answer = complete(await declareProgram(), rest, surroundings);
    await terminal.out.write(await answer.catch(() => "-\n"));
  } else if (name === "__man") {
    const { manPage } = await import("./cli/help.ts"); // for the build of the package
    await terminal.out.write(manPage(await declareProgram()));
  } else return runProgram(surroundings);
  return 0;
}

/** `main` on this process: the entry of `bin/ttsctl`. */
export async function run(): Promise<number> {
  if (process.argv.includes("sync")) letOthersGoFirst();
  const code = await main({
    argv: process.argv.slice(2),
    env: process.env,
    get cwd() {
      try {
        return process.cwd();
      } catch (cause) {
        throw new TtsctlError("USAGE", "the working directory was deleted", { hint: "change to another one", cause });
      }
    },
    streams: process, // it opens each one on first use
    stopSignal: listenForStop(),
  });
  process.on("exit", (code) => loadedPosix?.exit(code)); // after all other listeners
  return code;
}

/** Lowers the priority: a sync keeps a processor busy, and Redis may need it. A lower one is kept. */
function letOthersGoFirst(): void {
  const { PRIORITY_BELOW_NORMAL } = constants.priority;
  try {
    if (getPriority() < PRIORITY_BELOW_NORMAL) setPriority(PRIORITY_BELOW_NORMAL);
  } catch {} // it isn't permitted
}

/** Takes over SIGINT and SIGTERM when first called; the second one ends the process at once. */
function listenForStop(): () => AbortSignal {
  let stop: AbortController | undefined;
  const onSignal = () => {
    if (stop!.signal.aborted) {
      if (process.stderr.isTTY) writeSync(2, "\nstopped at once; run it again to finish\n");
      process.exit(130);
    }
    stop!.abort();
  };
  return () => {
    if (stop === undefined) {
      stop = new AbortController();
      process.on("SIGINT", onSignal);
      process.on("SIGTERM", onSignal);
    }
    return stop.signal;
  };
}
