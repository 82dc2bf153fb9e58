import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RedisServer } from "../../test/helpers/redis.ts";
import { ServiceRoot } from "../../test/helpers/root.ts";
import { type Cost, PYTHON, Stopwatch } from "../cost.ts";
import { expectCounts } from "../expect.ts";
import { duration } from "../report/cells.ts";
import { EXPIRED_EVERY, type Place } from "../site.ts";

/** What a command takes with a large store file. */
export interface Large {
  readonly shape: "jsonl" | "array";
  readonly command: string;
  readonly cost: Cost;
}

/** A command, and the counts that it prints. */
interface Command {
  readonly args: string;
  counts(tasks: number): Record<string, number>;
}

/** In this order: the first writes to Redis, and the last changes both stores. */
const COMMANDS: readonly Command[] = [
  { args: "sync", counts: (tasks) => ({ total: tasks, failed: 0 }) },
  { args: "list --source file", counts: (tasks) => ({ total: tasks }) },
  { args: "list --source file --sort created", counts: (tasks) => ({ total: tasks }) },
  { args: "stats --source file", counts: (tasks) => ({ total: tasks }) },
  { args: "export --to export.jsonl", counts: () => ({}) },
  { args: "verify", counts: (tasks) => ({ inSync: tasks }) },
  {
    args: "cleanup --once --retention 7d",
    counts: (tasks) => ({ purged: Math.ceil(tasks / EXPIRED_EVERY), failed: 0 }),
  },
];

/**
 * Runs the commands that go through all tasks on files of each shape, beside a Redis with packed hashes.
 * @param onResult gets each as soon as it is measured
 */
export async function measureLarge(place: Place, tasks: number, onResult: (result: Large) => void): Promise<Large[]> {
  const redis = await RedisServer.start("--hash-max-listpack-value", "4096");
  const results: Large[] = [];
  try {
    for (const shape of ["jsonl", "array"] as const) {
      for await (const result of withShape(place, redis, tasks, shape)) {
        results.push(result);
        onResult(result);
      }
    }
  } finally {
    await redis.remove();
  }
  return results;
}

async function* withShape(place: Place, redis: RedisServer, tasks: number, shape: Large["shape"]) {
  const root = new ServiceRoot(redis.port);
  const folder = join(place.scratch, shape);
  mkdirSync(folder);
  const stopwatch = new Stopwatch(folder, join(place.project, "bench"));
  const run = (...argv: string[]) => stopwatch.cost({ argv, cwd: root.path });
  try {
    await redis.call("FLUSHALL");
    const now = Math.floor(Date.now() / 1000);
    const store = ["--shape", shape, "--tasks", tasks, "--users", 8, "--now", now, "--expired-every", EXPIRED_EVERY];
    await run(PYTHON, join(place.project, "test/tools/make_store.py"), root.path, ...store.map(String));
    const file = root.at(shape === "jsonl" ? "voice_task.jsonl" : "voice_task.json");
    for (const { args, counts } of COMMANDS) {
      const cost = await run(process.execPath, place.binary, ...args.split(" "), "--store", file, "-o", "json");
      expectCounts(cost.stdout === "" ? "{}" : cost.stdout, counts(tasks));
      yield { shape, command: args, cost };
    }
  } finally {
    root.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The results as a table in Markdown. */
export function largeText(results: readonly Large[], tasks: number): string {
  const lines = results.map(({ shape, command, cost: { seconds, cpuSeconds, peakMb } }) => {
    const bytes = `${Math.round((peakMb * 1e6) / tasks)} bytes`;
    return [shape, `\`${command}\``, duration(seconds), duration(cpuSeconds!), `${peakMb.toFixed(0)} MB`, bytes];
  });
  const head = ["shape", "command", "time", "CPU", "peak", "for each task"];
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
