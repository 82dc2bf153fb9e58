import { PassThrough, Readable, Writable } from "node:stream";
import { main } from "../../src/main.ts";

export interface Invoked {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Options {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  readonly input?: string;
  /** Whether the streams are a terminal, and how wide it is. */
  readonly terminal?: { columns: number };
  readonly signal?: AbortSignal;
  /** Instead of a stream that takes everything. */
  readonly stdout?: Writable;
}

class Collected extends Writable {
  text = "";

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Runs `main` in this process with twins of its streams. */
export async function invoke(argv: readonly string[], options: Options): Promise<Invoked> {
  const [stdout, stderr] = [new Collected(), new Collected()];
  const tty = options.terminal === undefined ? {} : { isTTY: true, columns: options.terminal.columns };
  const stdin = options.terminal === undefined ? Readable.from([options.input ?? ""]) : new PassThrough();
  const code = await main({
    ...{ argv, env: options.env ?? {}, cwd: options.cwd },
    stopSignal: () => options.signal ?? new AbortController().signal,
    streams: {
      stdin: Object.assign(stdin, tty),
      stdout: Object.assign(options.stdout ?? stdout, tty),
      stderr: Object.assign(stderr, tty),
    },
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}
