import { rmSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { redisProxy, type Verdict } from "../helpers/faults.ts";
import { ago, record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { SEED } from "../helpers/seed.ts";
import { lines, type Run } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { Chance, times } from "./helpers/chance.ts";
import { nameOf, type TestRecord } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
const TIMEOUT_S = 0.5;
/** What a process needs to start and end on a busy machine, besides the timeout and its second. */
const STARTING_MS = 3000;

const many = (count: number, more = {}) => Array.from({ length: count }, (_, i) => record("alice", `t${i}`, more));
const YOUNG = [record("bob", "young", { updated_at: ago(60) })];

async function started(...args: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...args);
  onTestFinished(() => server.remove());
  return server;
}

async function proxied(server: RedisServer, judge: (sent: string) => Promise<Verdict> | Verdict): Promise<string> {
  const proxy = await redisProxy(server.port, judge);
  onTestFinished(() => proxy.stop());
  return String(proxy.port);
}

const envOf = (port: string | number) => ({ REDIS_PORT: String(port), REDIS_TIMEOUT: `${TIMEOUT_S}s` });

async function membersOf(server: RedisServer): Promise<string[]> {
  return (await server.zset("tts:tasks:index")).map(([member]) => member);
}

/** The error of a run, one object on the last line. */
function errorOf(run: Run): { error: string; code: string; hint: string } {
  return JSON.parse(lines(run.stderr).at(-1)!);
}

/** A task that Redis may still have, or may not, has its record and its audio. */
async function expectNothingUnknownRemoved(tasks: readonly TestRecord[], purged: number, label: string): Promise<void> {
  const left = new Set((here.root.readStore() as TestRecord[]).map(nameOf));
  const kept = tasks.filter((task) => left.has(nameOf(task)));
  const lost = kept.filter(({ user_id, task_id }) => !here.root.has(`output/${user_id}/${task_id}/${task_id}.wav`));
  triedFault(1, lost.length);
  expect(kept.length, label).toBe(tasks.length - purged);
  expect(lost, label).toEqual([]);
}

describe("row E, a Redis that freezes in the middle of a purge", () => {
  it.each([
    { line: "cleanup --once -o json", count: "purged" },
    { line: "delete --user alice --yes -o json", count: "deleted" },
  ])("$line: ends in time, and nothing whose outcome is unknown is removed", async ({ line, count }) => {
    const chance = new Chance(line);
    for (let round = 0; round < times(2, 20); round++) {
      const server = await started();
      const tasks = many(20);
      here.root.writeStore([...tasks, ...YOUNG]);
      here.root.writeArtifacts(tasks);
      expect((await here.run("sync", { env: envOf(server.port) })).code).toBe(0);
      const at = 1 + chance.below(12);
      const onRemoval = round === 0; // and the others anywhere
      const label = `TTSCTL_SEED=${SEED}, frozen at ${onRemoval ? "the removal" : `piece ${at}`}`;
      let pieces = 0;
      let frozenAt = 0;
      const port = await proxied(server, (sent) => {
        pieces++;
        if (frozenAt === 0 && (onRemoval ? sent.includes("succeeded") : pieces === at)) {
          server.suspend();
          frozenAt = performance.now();
        }
        return "pass";
      });
      const run = await here.run(line, { env: envOf(port) });
      if (frozenAt > 0) expect(performance.now() - frozenAt, label).toBeLessThan(TIMEOUT_S * 1000 + 1000 + STARTING_MS);
      server.resume();
      expect([0, 3], `${label}: ${run.stderr}`).toContain(run.code);
      const result = JSON.parse(run.stdout);
      if (run.code === 0) expect(frozenAt, label).toBe(0);
      if (onRemoval) expect([frozenAt > 0, result[count]], label).toEqual([true, 0]);
      await expectNothingUnknownRemoved(tasks, result[count], label);
      const again = await here.run(line, { env: envOf(server.port) });
      expect([0, 3], `${label}, again: ${again.stderr}`).toContain(again.code);
      expect((here.root.readStore() as TestRecord[]).map(nameOf), label).toEqual(YOUNG.map(nameOf));
      if (again.code === 0 && line.startsWith("cleanup"))
        expect(await membersOf(server), label).toEqual(YOUNG.map(nameOf));
      here.root.drop("output");
    }
  });
});

it("row E, a Redis that is killed in the middle of a sync, at random points: not reported as done, and the second run converges", async () => {
  const chance = new Chance("sync");
  const tasks = many(1500);
  here.root.writeStore(tasks);
  for (let kills = 0; kills < times(2, 20); ) {
    const server = await started();
    const at = 1 + chance.below(14);
    const label = `TTSCTL_SEED=${SEED}, killed at piece ${at}`;
    let pieces = 0;
    let killed = false;
    const port = await proxied(server, async (): Promise<Verdict> => {
      if (++pieces === at) {
        killed = true;
        await server.stop();
      }
      return "pass";
    });
    const run = await here.run("sync -o json", { env: envOf(port) });
    if (!killed) {
      expect(run.code, label).toBe(0);
      continue; // it was done before that
    }
    kills++;
    triedFault();
    expect([run.code, run.stdout], `${label}: ${run.stderr}`).toEqual([4, ""]);
    expect(errorOf(run).code, label).toBe("REDIS_UNAVAILABLE");
    await server.start();
    const again = await here.run("sync -o json", { env: envOf(server.port) });
    expect(JSON.parse(again.stdout), label).toMatchObject({ total: tasks.length, failed: 0 });
    expect((await membersOf(server)).sort(), label).toEqual(tasks.map(nameOf).sort());
    expect((await here.run("verify", { env: envOf(server.port) })).code, label).toBe(0);
  }
});

/** A server that answers reads and refuses writes, and what it says. */
const REFUSING: { what: string; code: string; words: RegExp; refuse(server: RedisServer): Promise<unknown> }[] = [
  {
    what: "is out of memory (noeviction)",
    ...{ code: "REDIS_OUT_OF_MEMORY", words: /maxmemory/ },
    refuse: (server) => server.call("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction"),
  },
  {
    what: "is a read-only replica",
    ...{ code: "REDIS_READONLY", words: /primary/ },
    refuse: async (server) => {
      // A replica that cannot reach its primary goes on answering reads.
      await server.call("REPLICAOF", "127.0.0.1", "1");
    },
  },
  {
    what: "cannot save to its disk (MISCONF)",
    ...{ code: "REDIS_FAILED", words: /disk/ },
    refuse: async (server) => {
      await server.call("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes", "save", "3600 1");
      rmSync(server.folder, { recursive: true });
      await server.call("BGSAVE");
      await until(async () => String(await server.call("INFO", "persistence")).includes("rdb_last_bgsave_status:err"));
    },
  },
];

describe.each(REFUSING)("row E, a Redis that $what", ({ code, words, refuse }) => {
  it("answers reads; commands that write report the problem and the remedy in one line, and keep Redis's data", async () => {
    const server = await started();
    const tasks = many(5);
    const stored = [...tasks, ...YOUNG, record("carol", "stuck", { status: "running" })];
    here.root.writeStore(stored);
    here.root.writeArtifacts(tasks);
    const env = envOf(server.port);
    expect((await here.run("sync", { env })).code).toBe(0);
    await refuse(server);
    const before = await membersOf(server);
    const list = await here.run("list -o json", { env });
    expect([list.code, list.stderr]).toEqual([0, ""]);
    expect(JSON.parse(list.stdout)).toMatchObject({ source: "redis", total: stored.length });
    expect(JSON.parse((await here.run("get alice t1 -o json", { env })).stdout)).toMatchObject({ source: "redis" });
    here.root.writeStore([...stored, record("carol", "new")]);
    const sync = await here.run("sync -o json", { env });
    expect([sync.code, sync.stdout], sync.stderr).toEqual([4, ""]);
    expect(lines(sync.stderr)).toHaveLength(1);
    expect(errorOf(sync)).toMatchObject({ code, hint: expect.stringMatching(words) });
    triedFault(2);
    here.root.writeStore(stored);
    const cleanup = await here.run("cleanup --once -o json", { env });
    const mark = await here.run("mark --stuck --to error --yes -o json", { env });
    if (code !== "REDIS_OUT_OF_MEMORY") {
      for (const run of [cleanup, mark]) expect([run.code, run.stdout, errorOf(run).code]).toEqual([4, "", code]);
      expect([here.root.readStore(), await membersOf(server)]).toEqual([stored, before]);
      return;
    }
    // A removal goes through.
    expect([cleanup.code, JSON.parse(cleanup.stdout)]).toMatchObject([0, { candidates: 5, purged: 5, failed: 0 }]);
    await expectNothingUnknownRemoved(tasks, 5, code);
    expect([mark.code, JSON.parse(mark.stdout)], mark.stderr).toMatchObject([3, { marked: 1, failed: 0 }]);
    expect(mark.stderr).toContain("marked in the file, but may be unchanged in Redis");
  });
});

it.each([
  { what: "a task's hash", key: "tts:task:alice:t1", others: true },
  { what: "a user's index", key: "tts:user:alice:index", others: false },
  { what: "the global index", key: "tts:tasks:index", others: false },
  { what: "the marker of the sync", key: "tts:ttsctl:synced", others: true },
])("row E, a wrong type of $what: each command ends with a clear word, and loses nothing", async ({ key, others }) => {
  const tasks = many(4);
  const kept = [...YOUNG, record("alice", "stuck", { status: "running" })];
  here.root.writeStore([...tasks, ...kept]);
  here.root.writeArtifacts(tasks);
  expect((await here.run("sync")).code).toBe(0);
  await here.server.call("DEL", key);
  await here.server.call("LPUSH", key, "another program's");
  for (const line of ["sync", "list", "get alice t1", "verify", "cleanup --once"]) {
    const run = await here.run(`${line} -o json`);
    triedFault();
    expect([0, 3, 4], `${line}: ${run.stderr}`).toContain(run.code);
    expect(run.stderr, line).not.toContain("INTERNAL");
    if (line.startsWith("list")) expect(JSON.parse(run.stdout).total, run.stderr).toBe(6);
    if (run.code === 3 && line.startsWith("cleanup")) expect(JSON.parse(run.stdout).candidates).toBe(4);
    if (line.startsWith("cleanup") && others) expect(JSON.parse(run.stdout).purged).toBeGreaterThanOrEqual(3);
  }
  const isOverwritten = key.endsWith("synced"); // the next sync writes its marker over anything
  expect(await here.server.call("TYPE", key)).toBe(isOverwritten ? "string" : "list");
  await here.server.call("DEL", key);
  expect((await here.run("cleanup --once -o json")).code).toBe(0);
  expect((here.root.readStore() as TestRecord[]).map(nameOf)).toEqual(kept.map(nameOf));
});
