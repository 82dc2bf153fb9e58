import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { beforeEach, expect, it } from "vitest";
import type { StatsHealth } from "../../src/http/schema.ts";
import { FastClock } from "../helpers/clock.ts";
import { lacks } from "../helpers/lacks.ts";
import { ago, record } from "../helpers/records.ts";
import { start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { type Served, useServer } from "./setup.ts";

const here = useServer();
const TASKS = [
  record("alice", "t1", { updated_at: ago(3000) }),
  record("alice", "t2", { updated_at: ago(2000), status: "failed" }),
  record("bob", "t3", { updated_at: ago(90), status: "queued" }),
];
const OLD = record("bob", "old");
const AUDIT = { TTSCTL_AUDIT: "audit.jsonl" };
beforeEach(() => here.root.writeStore(TASKS));

const healthOf = async (server: Served) => (await server.json("/stats/health")) as StatsHealth;

async function metric(server: Served, name: string): Promise<number | undefined> {
  const text = await (await server.fetch("/metrics")).text();
  const [, value] = new RegExp(`^ttsctl_${name} (\\S+)$`, "m").exec(text) ?? [];
  return value === undefined ? undefined : Number(value);
}

it("is quiet about stores that are in sync", async () => {
  const server = await here.serve("", {}, new FastClock());
  await server.run.says(/3 tasks from the file to Redis/);
  await until(async () => (await healthOf(server)).drift !== null);
  const health = await healthOf(server);
  expect(health).toEqual({
    attention: [],
    stuck: { count: 0, afterSeconds: 86_400, oldest: null, command: "ttsctl list --stuck" },
    drift: { at: expect.any(String), checked: 3, inFile: 3, inRedis: 3, kinds: {}, command: "ttsctl verify" },
    cleanup: {
      ...{ runs: "unknown", retention: 7 * 86_400, last: null, next: null },
      command: "ttsctl cleanup --once --dry-run --summary",
    },
  });
  expect(Math.abs(Date.parse(health.drift!.at) - Date.now())).toBeLessThan(60_000);
  const wait = (await metric(server, "oldest_wait_seconds"))!;
  expect([wait >= 90, wait < 150, await metric(server, "stuck_tasks")]).toEqual([true, true, 0]);
  expect(await metric(server, "cleanup_exit_code")).toBe(undefined);
  expect((await server.fetch("/stats/health?x=1")).status).toBe(400);
});

it("names stuck tasks and differences, with commands for the same configuration", async () => {
  here.root.writeStore([...TASKS, record("bob", "stuck", { status: "running", updated_at: ago(100_000) })]);
  const url = `redis://127.0.0.1:${here.server.port}`;
  const server = await here.serve(`--store voice_task.json --redis-url ${url}`);
  await server.run.says(/4 tasks from the file to Redis/);
  await here.server.call("HSET", "tts:task:alice:t1", "error", "other");
  await here.server.call("DEL", "tts:task:alice:t2");
  await until(async () => (await healthOf(server)).attention.length === 2);
  const { attention, stuck, drift } = await healthOf(server);
  expect([attention, stuck, drift]).toMatchObject([
    ["stuck", "drift"],
    { count: 1, oldest: { user_id: "bob", task_id: "stuck", status: "run" } },
    { checked: 4, inFile: 4, inRedis: 4, kinds: { differs: 1, dangling: 1 } },
  ]);
  for (const { command } of [stuck, drift!]) {
    expect(command).toMatch(/^ttsctl (list --stuck|verify) --store \/.*\/voice_task\.json --redis-url \S+$/);
    expect((await here.runArgs(command.split(" ").slice(1))).code).toBe(command.includes("verify") ? 3 : 0);
  }
});

it("knows the passes of others by the ledger and their lock", async () => {
  here.root.writeStore([...TASKS, OLD]);
  await here.run("sync --quiet");
  const server = await here.serve("--no-sync", AUDIT);
  expect((await healthOf(server)).cleanup).toMatchObject({ runs: "unknown", last: null });
  await here.run("cleanup --once --quiet", { env: AUDIT });
  await here.run("delete --user alice --ids t1 --yes", { env: AUDIT });
  expect((await here.run("cleanup --once --no-redis --store other.json", { env: AUDIT })).code).toBe(0);
  await server.fetch("/voice-tasks/zz?user_id=alice", { method: "DELETE" });
  appendFileSync(here.root.at("audit.jsonl"), '{"time":"x"}\nnot JSON\n');
  const { cleanup, attention } = await healthOf(server);
  expect([attention, cleanup]).toMatchObject([
    [],
    { runs: "unknown", next: null, last: { exitCode: 0, error: null, purged: 1 } },
  ]);
  expect(await metric(server, "cleanup_last_run_timestamp_seconds")).toBe(Date.parse(cleanup.last!.at) / 1000);
  const watcher = start(["cleanup", "--watch"], { cwd: here.root.path, env: AUDIT });
  await watcher.says(/\[CLEANUP\] pass/);
  await until(async () => (await healthOf(server)).cleanup.next !== null);
  const watched = (await healthOf(server)).cleanup;
  expect(watched).toMatchObject({ runs: "watcher", last: { exitCode: 0, purged: 0 } });
  expect(Date.parse(watched.next!) - Date.parse(watched.last!.at)).toBe(300_000);
  watcher.kill("SIGTERM");
  await watcher.end();
  expect((await healthOf(server)).cleanup.runs).toBe("unknown");
  expect(
    (await here.run("cleanup --once --max-delete 0", { env: { ...AUDIT, TASK_RETENTION_SECONDS: "60" } })).code,
  ).toBe(1);
  const failed = await healthOf(server);
  expect([failed.attention, failed.cleanup.last]).toMatchObject([
    ["cleanup"],
    { exitCode: 1, error: "MAX_DELETE_EXCEEDED" },
  ]);
});

it.skipIf(lacks("promtool"))("promtool finds nothing wrong with the metrics", async () => {
  here.root.writeStore([record("alice", "t1"), record("alice", "t2", { status: "queued" })]);
  const server = await here.serve("--cleanup");
  const input = await (await server.fetch("/metrics")).text();
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
  expect([status, stdout, stderr]).toEqual([0, "", ""]);
});
