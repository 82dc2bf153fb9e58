import type { Surroundings } from "./cli/context.ts";
import type { Streams } from "./cli/io.ts";
import { reportError } from "./cli/report-error.ts";
import { flagsIn, Terminal } from "./cli/terminal.ts";
import { TtsctlError } from "./errors.ts";
import { loadedPosix } from "./store/file/posix.ts";

/** What one run of `ttsctl` is given. */
export interface Invocation {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly streams: Streams;
  /**
   * Aborted when the run is to end: the batch in hand is finished first. Asked for by commands that change things;
   * the others may end at once.
   */
  readonly stopSignal: () => AbortSignal;
}

/** Runs one command and returns its exit code. The only catch-all. */
export async function main({ argv, env, cwd, streams, stopSignal }: Invocation): Promise<number> {
  const terminal = new Terminal(streams, env, flagsIn(argv).logFormat === "json");
  const code = await runCommand({ argv, terminal, env, cwd, stopSignal }).catch((error) =>
    reportError(error, argv, terminal),
  );
  const exitCode = await flushed(terminal, code, argv);
  await terminal.err.flush();
  return exitCode;
}

/** The exit code once all of the output is written. */
async function flushed(terminal: Terminal, code: number, argv: readonly string[]): Promise<number> {
  await terminal.out.flush();
  if (terminal.out.failure === undefined) return code;
  const failed = new TtsctlError("OUTPUT_FAILED", `cannot write the output: ${terminal.out.failure.message}`);
  return reportError(failed, argv, terminal);
}

async function runCommand(surroundings: Surroundings): Promise<number> {
  const { argv } = surroundings;
  if (argv[0] === "__complete") return answerCompletion(surroundings);
  if (argv[0] === "__man") return printManPage(surroundings);
  const { runProgram } = await import("./cli/program.ts");
  return runProgram(surroundings);
}

/** For the scripts of `completion`: an error isn't printed, because it would land on the command line. */
async function answerCompletion(surroundings: Surroundings): Promise<number> {
  const [{ declareProgram }, { complete }] = await Promise.all([
    import("./cli/program.ts"),
    import("./cli/complete.ts"),
  ]);
  const program = await declareProgram(() => {});
  const answer = await complete(program, surroundings.argv.slice(1), surroundings).catch(() => "-\n");
  await surroundings.terminal.out.write(answer);
  return 0;
}

/** For the build of the package. */
async function printManPage({ terminal }: Surroundings): Promise<number> {
  const [{ declareProgram }, { manPage }] = await Promise.all([
    import("./cli/program.ts"),
    import("./cli/man-page.ts"),
  ]);
  await terminal.out.write(manPage(await declareProgram(() => {})));
  return 0;
}

/** `main` on this process: the entry of `bin/ttsctl`. */
export async function run(): Promise<number> {
  const code = await main({
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    streams: processStreams,
    stopSignal: listenForStop(),
  });
  process.on("exit", (code) => loadedPosix?.exit(code)); // after all other listeners
  return code;
}

/** Those of this process, each opened when it is first asked for: most runs read nothing. */
const processStreams: Streams = {
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
};

/** Takes over SIGINT and SIGTERM when first called; the second one ends the process at once. */
function listenForStop(): () => AbortSignal {
  let stop: AbortController | undefined;
  const onSignal = () => {
    if (stop!.signal.aborted) process.exit(130);
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
