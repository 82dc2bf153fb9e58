import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const TESTS = new URL("..", import.meta.url).pathname;

/** Runs one of the Python programs in the zone of the service. Nothing is shared with what is tested. */
async function python(script: string, args: readonly (string | number)[], timezone: string): Promise<string> {
  const env = { ...process.env, TZ: timezone, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await run("python3", [TESTS + script, ...args.map(String)], { env, maxBuffer: 1 << 28 });
  return stdout;
}

/** A service root as the Python service leaves it. */
export async function makeStore(root: string, timezone: string, ...args: (string | number)[]): Promise<void> {
  await python("tools/make_store.py", [root, ...args], timezone);
}

/** What Python's model of the specification answers. */
export async function model<T>(timezone: string, ...args: (string | number)[]): Promise<T> {
  return JSON.parse(await python("interop/model.py", args, timezone)) as T;
}

export interface MirrorReport {
  readonly tasks: number;
  readonly keys: number;
  readonly differences: { readonly count: number; readonly first: string };
  /** Newest first. */
  readonly all: [string, string][];
  readonly users: Record<string, string[]>;
  /** Shown status by `user:task`. */
  readonly statuses: Record<string, string>;
}

export interface Judgement {
  readonly purged: number;
  readonly skipped: number;
  readonly files: number;
  readonly removed: number;
  readonly problems: unknown[];
}
