import { spawnSync } from "node:child_process";

const TESTS = new URL("..", import.meta.url).pathname;

interface Options {
  /** What it gets as JSON on its stdin. */
  readonly input?: unknown;
  /** The zone of the service. */
  readonly timezone?: string;
}

/** Runs one of the Python programs of the tests. Nothing is shared with what is tested. */
export function python(script: string, args: readonly (string | number)[], { input, timezone = "UTC" }: Options) {
  const env = { ...process.env, TZ: timezone, PYTHONDONTWRITEBYTECODE: "1" };
  const options = { env, input: JSON.stringify(input ?? null), encoding: "utf8", maxBuffer: 1 << 28 } as const;
  const { status, stdout, stderr } = spawnSync("python3", [TESTS + script, ...args.map(String)], options);
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

/** A service root as the Python service leaves it. */
export function makeStore(root: string, timezone: string, ...args: (string | number)[]): void {
  python("tools/make_store.py", [root, ...args], { timezone });
}

/** What Python's model of the specification says of a root and its mirror. */
export function modelOf(kind: "mirror" | "older" | "v3", root: string, port: number, timezone = "UTC"): MirrorReport {
  return JSON.parse(python("interop/model.py", [kind, root, port], { timezone })) as MirrorReport;
}

interface MirrorReport {
  readonly tasks: number;
  readonly differences: { readonly count: number; readonly first: string };
  /** Newest first. */
  readonly all: [string, string][];
  readonly users: Record<string, string[]>;
}
