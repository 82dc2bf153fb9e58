import { spawnSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { lacks } from "../helpers/lacks.ts";
import { ago, record } from "../helpers/records.ts";
import { freePort, RedisServer } from "../helpers/redis.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";
import { binary } from "../helpers/ttsctl.ts";
import { killed, putIntoRedis, run, scoreOf, settled } from "./adapter.ts";
import { Monitor } from "./monitor.ts";

let server: RedisServer;
let root: ServiceRoot;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.remove());
beforeEach(() => lay([], []));
afterEach(() => root.remove());

/** So many tasks, last changed so many seconds ago; by default long ago. */
const some = (count: number, prefix: string, age?: number, more: RecordJson = {}) =>
  Array.from({ length: count }, (_, i) =>
    record("alice", `${prefix}${i}`, { ...(age === undefined ? {} : { updated_at: ago(age) }), ...more }),
  );
const HOUR = 3600;
const WEEK = 7 * 86_400;

async function lay(file: readonly RecordJson[], redis: readonly RecordJson[], config = ""): Promise<void> {
  root?.remove();
  root = new ServiceRoot(server.port, config);
  root.writeStore(file);
  await server.call("FLUSHALL");
  await putIntoRedis(server, ...redis);
}

const alone = (n: number) => lay(some(5 - n, "t", HOUR), [...some(5 - n, "t", HOUR), ...some(n, "alone", HOUR)]);
const foreign = (n: number) => lay(some(9, "t", HOUR), some(n, "alone", HOUR));
const foreignOld = (n: number) => lay(some(9, "t", HOUR), some(n, "alone"));
const old = (n: number) => lay([...some(n, "old"), ...some(9 - n, "young", HOUR)], []);
const aged = (n: number) => lay(some(1, "t", n), []);
const stuck = (n: number) => lay(some(1, "t", n, { status: "running" }), []);
const many = (n: number) => lay(some(n, "t"), []);
const done = { code: 0 };
const refused = (code: string) => ({ json: { code } });
const purged = (n: number) => ({ code: 0, json: { purged: n } });
const from = (source: string) => ({ json: { source, total: source === "file" ? 10 : 5 } });
const log = (removed: number) => ({ json: { logs: removed, removed } });
const [BRAKE, MISMATCH] = [refused("MAX_DELETE_EXCEEDED"), refused("STORE_MISMATCH")];
const [ZONE, LAYOUT] = [refused("TIMEZONE_MISMATCH"), refused("LAYOUT_MISMATCH")];
const MARK = "mark --user alice --to failed --yes";
const DELETE = "delete --user alice --yes";

type Limit = [what: string, lay: (n: number) => unknown, at: number, end: object, above: number, end: object];
/** What commands do at a limit, and one above it. Most limits are those that nobody set. */
const LIMITS: [...Limit, ...commands: string[]][] = [
  ["half of Redis", alone, 2, done, 3, BRAKE, "sync --prune --yes", "verify --repair --prune --yes"],
  ["half of the artifacts", orphaned, 2, { json: { removed: 4 } }, 3, BRAKE, "cleanup --orphans --yes"],
  ["no brake", old, 8, purged(8), 9, purged(9), "cleanup --once"],
  ["a brake of 3", old, 3, purged(3), 4, BRAKE, "cleanup --once --max-delete 3"],
  ["a brake of 3", old, 3, done, 4, BRAKE, "delete --until 1d --yes --max-delete 3", `${MARK} --until 1d --max-mark 3`],
  ["a brake of 2.97", old, 2, purged(2), 3, BRAKE, "cleanup --once --max-delete 33%"],
  ["Redis-only tasks", foreign, 4, done, 5, MISMATCH, "cleanup --once", DELETE, MARK, "cleanup --orphans --yes"],
  ["old Redis-only tasks", foreignOld, 4, done, 5, MISMATCH, "cleanup --once", "sync"],
  ["old Redis-only tasks", foreignOld, 4, done, 5, MISMATCH, "verify --repair --restore --yes"],
  ["half of the index lost", losing, 5, from("redis"), 6, from("file"), "list"],
  ["a task in common", common, 1, done, 0, MISMATCH, "cleanup --once"],
  ["a retention of 7 days", aged, WEEK - 60, purged(0), WEEK + 1, purged(1), "cleanup --once"],
  ["a log of 7 days", agedLog, WEEK - 20, log(0), WEEK + 1, log(1), "cleanup --orphans --yes --max-delete 1"],
  ["stuck after a day", stuck, 86_340, purged(0), 86_401, { json: { stuck: 1 } }, "cleanup --once"],
  ["keep_last", many, 2, purged(0), 3, purged(1), "cleanup --once --keep-last 2"],
  ["max_bytes", heavy, 3, purged(0), 4, purged(1), "cleanup --once --retention 1000d --max-bytes 330"],
  ["a zone for most of 5", inZone, 2, done, 3, ZONE, "sync", "cleanup --once", MARK, DELETE, "verify --repair"],
  ["a zone for most of 5", inZone, 2, done, 3, ZONE, "cleanup --orphans --yes", "import voice_task.json --yes"],
  ["a minute between score and time", (n) => inZone(5, n), 59, done, 60, ZONE, "sync"],
  ["a layout for most of 5", inLayout, 2, {}, 3, LAYOUT, "sync", "cleanup --once", MARK, DELETE],
];

/** 2 artifacts of each of 2 tasks, and of so many without a record. */
async function orphaned(n: number): Promise<void> {
  await many(2);
  root.writeArtifacts([...some(2, "t"), ...some(n, "orphan")]);
  await settled();
}

/** A log without a record. */
async function agedLog(age: number): Promise<void> {
  await many(1);
  root.write("Logs/20200101/08/alone.log", "x", Date.now() / 1000 - age);
}

/** Artifacts of 110 bytes for each task. */
async function heavy(n: number): Promise<void> {
  await lay(some(n, "t", 2 * HOUR), []);
  root.writeArtifacts(some(n, "t"));
  await settled();
}

/** Stores that share so many tasks, which a sample of the file leaves out, beside others of which either has more. */
async function common(n: number): Promise<void> {
  const both = some(n, "both", HOUR);
  await lay([...some(129, "t", HOUR), ...both], [...both, ...some(5, "alone", HOUR)]);
}

/** Of five tasks so many have the score of a service in another zone. */
async function inZone(n: number, apart = 8 * HOUR): Promise<void> {
  const tasks = some(5, "t", HOUR).map((task) => ({ ...task, updated_at: `${task.updated_at}`.slice(0, 19) }));
  await lay(tasks, tasks);
  for (const { task_id, ...task } of tasks.slice(0, n)) {
    await server.call("ZADD", "tts:tasks:index", scoreOf(task) - apart, `alice:${task_id}`);
  }
}

/** Of ten tasks the index has lost so many since a sync. */
async function losing(n: number): Promise<void> {
  await many(10);
  await run(root, ["sync"]);
  await server.call("ZREM", "tts:tasks:index", ...some(n, "t").map(({ task_id }) => `alice:${task_id}`));
}

async function inLayout(n: number): Promise<void> {
  await lay(some(5, "t", HOUR), some(5, "t", HOUR));
  for (let i = 0; i < n; i++) await server.call("HSET", `tts:task:alice:t${i}`, "updated_at", "1700000000");
}

/** Files and keys, without ttsctl's own. */
async function everything() {
  const keys = Object.entries(await server.dump()).filter(([key]) => !key.startsWith("tts:ttsctl:"));
  return [root.tree(), Object.fromEntries(keys)];
}

it.each(
  LIMITS.flatMap(([what, layOut, at, end, above, beyond, ...commands]) =>
    commands.map((command) => [what, command, layOut, [at, end], [above, beyond]] as const),
  ),
)("the limit: %s: %s", async (_, command, layOut, ...cases) => {
  for (const [n, expected] of cases) {
    await layOut(n);
    const before = await everything();
    const outcome = await run(root, command.split(" "));
    expect(outcome, `${n}: ${outcome.stderr}`).toMatchObject(expected);
    if (outcome.code === 1) expect(await everything()).toEqual(before);
  }
});

it.each([
  ...["cleanup --once", "cleanup --orphans --yes", "delete --all --yes", "mark --all --to failed --yes"],
  ...["sync --prune --yes --max-delete 100%", "verify --repair", "verify --repair --prune --yes --max-delete 100%"],
])("beside an empty file nothing is removed from Redis or the disk: %s", async (command) => {
  const deleted = '{"user_id": "alice", "task_id": "t0", "deleted": true}\n';
  for (const content of ["[]", '[{"user_id": "alice"}]', deleted, "", null]) {
    await lay([], some(3, "t"));
    await server.call("DEL", "tts:task:alice:t0");
    root.writeArtifacts(some(3, "t"));
    if (content === null) root.drop("voice_task.json");
    else root.write("voice_task.json", content, 1_600_000_000);
    await settled();
    const before = await everything();
    const { code, stderr } = await run(root, command.split(" "));
    expect([content, code > 0, await everything()], stderr).toEqual([content, true, before]);
  }
});

describe("a pass that begins with what a killed one left", () => {
  it.skipIf(lacks("strace")).each(["cleanup --once", "delete --user alice --yes", "cleanup --orphans --yes"])(
    "ends without it: %s",
    async (command) => {
      const tasks = some(3, "t");
      let found = 0;
      for (let at = 1; at <= 30 && found === 0; at++) {
        await lay(tasks, tasks);
        root.writeArtifacts(tasks);
        await settled();
        await killed(root, ["cleanup", "--once"], { calls: "getdents64", at });
        if (root.has("output/.ttsctl-purge")) found = at;
      }
      expect(found).toBeGreaterThan(0);
      const { code, stderr } = await run(root, command.split(" "));
      expect([code, root.has("output/.ttsctl-purge")], stderr).toEqual([0, false]);
      const left = Object.keys(root.tree()).filter((path) => path.endsWith(".wav")).length;
      expect(left).toBe(root.readStore().length); // a task has its audio, or is gone
    },
  );
});

it("a run that has nothing to write removes the temporary file that a killed one left", async () => {
  root.write(".voice_task.json.ttsctl", "half");
  expect((await run(root, ["cleanup", "--once"])).code).toBe(0);
  expect(root.has(".voice_task.json.ttsctl")).toBe(false);
});

describe("the exit code, if several apply", () => {
  const aborted = AbortSignal.abort();
  const dead = async () => root.configure(await freePort());
  const invalid = () => root.write("voice_task.json", "[", 1_600_000_000);
  const both = async () => {
    await dead();
    invalid();
  };
  const tasks = some(2, "t", HOUR);

  it.each<[expected: number, over: string, command: string, lays: () => unknown, signal?: AbortSignal]>([
    [130, "3", "delete --user alice --ids t0,none --yes", () => lay(tasks, tasks), aborted],
    [130, "3", "mark --user alice --ids t0,none --to failed --yes", () => lay(tasks, tasks), aborted],
    [2, "4 and 1", "sync --max-delete x", both],
    [2, "0, without --yes", "delete --user alice", () => lay(tasks, tasks)],
    [2, "0, without --yes", "mark --user alice --to failed", () => lay(tasks, tasks)],
    [2, "0, without --yes", "sync --prune", () => lay(tasks, [...tasks, ...some(1, "alone", HOUR)])],
    [2, "0, without --yes", "verify --repair --prune", () => lay(tasks, [...tasks, ...some(1, "alone", HOUR)])],
    [4, "1", "sync", both],
    [4, "1", "list --source redis", both],
    [1, "3", "delete --user alice --ids none --yes", invalid],
    [1, "3, as Redis is down", "cleanup --once", both],
    [3, "0, as Redis is down", "cleanup --once", () => lay(tasks, tasks).then(dead)],
    [3, "0", "get alice none", () => {}],
  ])("%i over %s: %s", async (expected, _, command, lays, signal) => {
    await lays();
    const { code, stderr } = await run(root, command.split(" "), signal);
    expect(code, stderr).toBe(expected);
  });
});

it("the zone of times without an offset is the machine's, TZ", async () => {
  root.write("config.ini", `[redis]\nport = ${server.port}\n`);
  root.writeStore([record("alice", "t1", { updated_at: "2024-01-01T08:00:00" })]);
  for (const [TZ, score] of [
    ["Asia/Shanghai", "1704067200"],
    ["UTC", "1704096000"],
  ] as const) {
    await server.call("FLUSHALL");
    spawnSync(process.execPath, [binary(), "sync"], { cwd: root.path, env: cleanEnv({ TZ }) });
    expect(await server.call("ZSCORE", "tts:tasks:index", "alice:t1")).toBe(score);
  }
});

it.each(["file", "redis"])("stats count each task by its age, its hour and its day, from %s", async (source) => {
  const tasks = [60, 2 * HOUR, 2 * 86_400, 10 * 86_400, 40 * 86_400].map((age) => some(1, `t${age}`, age)[0]!);
  await lay(tasks, tasks);
  const { ages, perHour, perDay } = (await run(root, ["stats", "--source", source])).json as Record<string, unknown>;
  const counts = (bars: unknown) => (bars as { total: number }[]).map(({ total }) => total);
  const sum = (bars: unknown) => counts(bars).reduce((sum, count) => sum + count);
  expect([counts(ages), sum(perHour), sum(perDay)]).toEqual([[1, 1, 1, 1, 1], 2, 4]);
});

it("no call to Redis is about more than 500 tasks", async () => {
  const tasks = some(1200, "t", HOUR);
  const alone = some(1100, "alone", HOUR);
  await lay([...tasks, ...some(1100, "old")], [...alone, ...some(1100, "old", HOUR)]);
  const monitor = await Monitor.start(server.port);
  for (const line of [
    "sync",
    "verify --repair",
    "export",
    "list --limit all",
    "stats",
    "mark --user alice --until 1d --to failed --yes",
    "sync --prune --yes",
    "cleanup --once --retention 1m",
    "delete --all --yes",
  ]) {
    const { code, stderr } = await run(root, line.split(" "));
    expect([0, 3], `${line}: ${stderr}`).toContain(code);
  }
  const calls = (await monitor.stop()).map(({ command }) => new Set(command.match(/(t|alone|old)\d+\b/g)).size);
  expect(Math.max(...calls)).toBeLessThanOrEqual(500);
  expect(Math.max(...calls)).toBeGreaterThan(100);
});

it("300,000 records fit into 64 MB of memory for objects", async () => {
  const line = (i: number) =>
    JSON.stringify(record(`user${i % 50}`, `t${i}`, i % 2 === 0 ? {} : { updated_at: ago(HOUR) }));
  root.configure(null, "[cleanup]\nretention = 1d\n");
  root.write("voice_task.json", `[${Array.from({ length: 300_000 }, (_, i) => line(i)).join(",\n")}]`, 1_600_000_000);
  const NODE_OPTIONS = "--max-old-space-size=64";
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [binary(), "cleanup", "--once", "--summary", "-o", "json"],
    { cwd: root.path, env: cleanEnv({ NODE_OPTIONS }), encoding: "utf8" },
  );
  expect([status, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toMatchObject({ candidates: 150_000, purged: 150_000 });
});
