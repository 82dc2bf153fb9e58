import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cleanEnv } from "../helpers/clean-env.ts";
import { Monitor } from "./monitor.ts";

/** Something that a process did, with the time in epoch seconds: `act` relies on what was written before. */
interface Step {
  readonly kind: "write" | "sync" | "name" | "act";
  readonly path: string;
  readonly began: number;
  readonly ended: number;
  /** The name that a file had before this one. */
  readonly from?: string;
}

export interface Traced {
  readonly code: number | null;
  readonly stderr: string;
  /** What a power failure could take although a later step relies on it. */
  readonly risks: readonly string[];
  /** How often such a path was written to, put in place or synced. */
  count(kind: "write" | "name" | "sync", path: RegExp): number;
}

const CALLS =
  "write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir";
/** What no later run needs. */
const PASSING = /\.(lock|spool)$|\.part$|\.ttsctl$/;

/** Runs Node.js under strace, beside a MONITOR of Redis. @param root its working directory, whose files count */
export async function traced(args: readonly string[], root: string, port: number): Promise<Traced> {
  const folder = mkdtempSync(join(tmpdir(), "ttsctl-trace-"));
  const output = join(folder, "calls");
  const there = new Set(readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) => join(root, name)));
  const monitor = await Monitor.start(port);
  try {
    const strace = ["-f", "-y", "-q", "-s", "0", "-ttt", "--seccomp-bpf", "-o", output, "-e", `trace=${CALLS}`];
    // Slow, so what doesn't wait for them comes too early.
    strace.push("-e", "inject=fsync,fdatasync:delay_enter=20000");
    const child = spawn("strace", [...strace, process.execPath, ...args], { cwd: root, env: cleanEnv() });
    let stderr = "";
    child.stdout.resume();
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    const changes = (await monitor.stop()).filter(({ command }) => CHANGES.test(command));
    const acts = changes.map(({ at, command }): Step => ({ kind: "act", path: command, began: at, ended: at }));
    const calls = stepsIn(readFileSync(output, "utf8"), root);
    const exit: Step = { kind: "act", path: "exit", began: Number.MAX_VALUE, ended: Number.MAX_VALUE };
    const steps = [...calls, ...acts, exit].sort((a, b) => a.began - b.began);
    const count: Traced["count"] = (kind, path) =>
      steps.filter((step) => step.kind === kind && path.test(step.path)).length;
    return { code, stderr, risks: risksIn(steps, there), count };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Commands that change tasks in Redis, by hand or in a script. */
const CHANGES = /^"(HSET|DEL|UNLINK|ZADD|ZREM|SET)" "tts:(task|user)/i;

/** @param text as strace prints it with -f -y -ttt */
function stepsIn(text: string, root: string): Step[] {
  const open = new Map<string, { at: number; args: string }>();
  return text.split("\n").flatMap((line) => {
    const [, pid = "", time, resumed, call = "", rest = ""] =
      /^(\d+) +([\d.]+) (<\.\.\. )?(\w+)(?: resumed>|\()(.*)$/.exec(line) ?? [];
    if (rest.endsWith("<unfinished ...>")) {
      open.set(pid, { at: Number(time), args: rest });
      return [];
    }
    const { at, args } = resumed === undefined ? { at: Number(time), args: "" } : open.get(pid)!;
    return call === "" ? [] : stepOf(call, args + rest, root, { began: at, ended: Number(time) });
  });
}

function stepOf(call: string, args: string, root: string, times: { began: number; ended: number }): Step[] {
  if (/= -1 /.test(args)) return [];
  const [, fd, target = ""] = /^(\d+)<([^>]*)>/.exec(args) ?? [];
  const names = [...args.matchAll(/"([^"]*)"/g)].map(([, name]) => name!);
  const isOurs = (path: string) => path.startsWith(root);
  if (/sync/.test(call)) return [{ kind: "sync", path: target, ...times }];
  if (/write/.test(call)) {
    if (fd === "1" && !/, 0\) /.test(args)) return [{ kind: "act", path: "stdout", ...times }];
    return isOurs(target) ? [{ kind: "write", path: target, ...times }] : [];
  }
  const path = names.at(-1)!;
  if (/^\/proc\/self\/fd|\/(output|Logs)\//.test(path)) return [{ kind: "act", path, ...times }];
  return /rename|link(at)?$/.test(call) && names.length === 2
    ? [{ kind: "name", path, from: names[0]!, ...times }]
    : [];
}

/**
 * What is written must be on the disk before a later step relies on it: the new content of a file before it gets its name;
 * contents and names before anything is removed, changed in Redis or reported.
 */
function risksIn(steps: readonly Step[], there: ReadonlySet<string>): string[] {
  const risks = new Set<string>();
  const before = (step: Step, kind: Step["kind"]) => steps.filter((one) => one.kind === kind && one.began < step.began);
  const isSynced = (path: string, since: number, by: Step) =>
    before(by, "sync").some((sync) => sync.path === path && sync.began >= since && sync.ended <= by.began);
  for (const step of steps) {
    if (step.kind !== "act" && step.kind !== "name") continue;
    const writes = new Map(before(step, "write").map((write) => [write.path, write]));
    for (const [path, { ended }] of writes) {
      const counts = step.kind === "name" ? path === step.from : !PASSING.test(path);
      if (counts && !isSynced(path, ended, step)) risks.add(`${path}: its content, before ${step.kind} ${step.path}`);
      const isNew = !there.has(path) && !PASSING.test(path);
      if (step.kind === "act" && isNew && !isSynced(dirname(path), 0, step)) risks.add(`${path}: its name`);
    }
    if (step.kind === "name") continue;
    for (const { path, ended } of before(step, "name")) {
      if (!isSynced(dirname(path), ended, step)) risks.add(`${path}: its new name, before ${step.path}`);
    }
  }
  return [...risks];
}
