import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { invoke } from "../cli/invoke.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import type { RedisServer } from "../helpers/redis.ts";
import type { RecordJson, ServiceRoot } from "../helpers/root.ts";
import { binary } from "../helpers/ttsctl.ts";

/** Files of the last 20 ms count as newer than a run. */
export const settled = () => sleep(40);

/** Runs a command in this process. `json`: its result, and its error. */
export async function run(root: ServiceRoot, args: readonly string[], signal?: AbortSignal) {
  const options = { cwd: root.path, env: { TZ: "UTC" }, ...(signal === undefined ? {} : { signal }) };
  const { code, stdout, stderr } = await invoke([...args, "-o", "json"], options);
  const error = stderr.split("\n").find((line) => line.startsWith('{"error"'));
  const json = { ...JSON.parse(stdout || "{}"), ...JSON.parse(error ?? "{}") } as Record<string, unknown>;
  return { code, stderr, json };
}

/** At which of its calls of some kinds to the kernel a process is killed. */
export interface Kill {
  readonly calls: string;
  readonly at: number;
}

/** Runs a command as a process that is killed. It has one thread for files, so its calls come in one order. */
export async function killed(root: ServiceRoot, args: readonly string[], { calls, at }: Kill): Promise<void> {
  await injected(root, args, `${calls}:signal=KILL:when=${at}`);
}

/** Runs a command as a process into which strace puts a fault. Returns its exit code. */
export async function injected(root: ServiceRoot, args: readonly string[], fault: string): Promise<number | null> {
  const strace = ["-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", "-e", `inject=${fault}`];
  const options = { cwd: root.path, env: cleanEnv({ UV_THREADPOOL_SIZE: "1" }), stdio: "ignore" } as const;
  const [code] = await once(spawn("strace", [...strace, process.execPath, binary(), ...args], options), "close");
  return code as number | null;
}

/** Writes tasks as the service does, each with its score; its members alone for a record without a status. */
export async function putIntoRedis(server: RedisServer, ...tasks: RecordJson[]): Promise<void> {
  const commands = tasks.flatMap((task) => {
    const { user_id, task_id, status, created_at, updated_at } = task;
    const fields = { user_id, task_id, status, error: "", created_at, updated_at, payload: JSON.stringify(task) };
    const members = [
      ["ZADD", "tts:tasks:index", scoreOf(task), `${user_id}:${task_id}`],
      ["ZADD", `tts:user:${user_id}:index`, scoreOf(task), `${task_id}`],
    ];
    const hash = ["HSET", `tts:task:${user_id}:${task_id}`, ...Object.entries(fields).flat().map(String)];
    return status === undefined ? members : [hash, ...members];
  });
  if (commands.length > 0) await server.pipeline(commands);
}

/** Of a time in UTC, with or without an offset, and microseconds. */
export function scoreOf({ updated_at }: RecordJson): number {
  const [, second, fraction = ""] = /^(.{19})(\.\d+)?/.exec(`${updated_at}`)!;
  return Number(`${Date.parse(`${second}Z`) / 1000}${fraction}`);
}
