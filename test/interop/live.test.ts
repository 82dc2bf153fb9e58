import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RedisServer } from "../helpers/redis.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";
import { type Run, ttsctl } from "../helpers/ttsctl.ts";
import { makeStore } from "./python.ts";
import { Service } from "./service.ts";

const ZONE = "Asia/Shanghai";
const RETENTION = "1h";

let server: RedisServer;
let root: ServiceRoot;
let service: Service | undefined;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.remove());
beforeEach(async () => {
  await server.call("FLUSHALL");
  root = new ServiceRoot();
  root.write("config.ini", `[redis]\nport = ${server.port}\n[service]\ntimezone = ${ZONE}\n`);
});
afterEach(async () => {
  if (service !== undefined && !service.hasEnded) {
    service.kill();
    await service.end();
  }
  service = undefined;
  root.remove();
});

const run = (line: string) => ttsctl(line.split(" "), { cwd: root.path, env: { TZ: "UTC" } });
const nameOf = ({ user_id, task_id }: RecordJson) => `${user_id}:${task_id}`;
const isFinished = ({ status }: RecordJson) => status === "succeeded" || status === "failed";

/** Old tasks with audio and logs, half of them finished long ago. Returns the finished ones. */
async function seeds(count: number): Promise<string[]> {
  await makeStore(
    root.path,
    ZONE,
    "--tasks",
    count,
    "--users",
    3,
    "--now",
    1_700_000_000,
    "--seed",
    5,
    "--artifacts",
    count,
  );
  expect((await run("sync")).code).toBe(0);
  return root.readStore().filter(isFinished).map(nameOf);
}

/** Runs a command again and again until the service has ended, and once more. */
async function loop(line: string): Promise<Run[]> {
  const runs: Run[] = [];
  for (let last = false; !last; ) {
    last = service!.hasEnded;
    runs.push(await run(line));
  }
  return runs;
}

/**
 * File and Redis hold what the service said last of every task.
 * @param unsaid how many tasks may be newer than that: a service that was killed did not say its last write
 */
async function expectLastWords(unsaid = 0): Promise<void> {
  const inFile = new Map(root.readStore().map((record) => [nameOf(record), record]));
  const wrong: unknown[] = [];
  for (const [name, word] of service!.lastWords) {
    const record = inFile.get(name);
    const hash = await server.hash(`tts:task:${name}`);
    const scores = [
      await server.call("ZSCORE", "tts:tasks:index", name),
      await server.call("ZSCORE", `tts:user:${word.user_id}:index`, word.task_id),
    ].map(Number);
    const same = [record, hash].every((copy) => copy?.status === word.status && copy?.updated_at === word.updated_at);
    const score = Date.parse(`${word.updated_at.slice(0, 23).padEnd(23, "0")}+08:00`) / 1000;
    if (!same || scores.some((text) => Math.abs(text - score) > 0.01)) wrong.push({ word, record, hash, scores });
    const wav = `output/${word.user_id}/${word.task_id}/${word.task_id}.wav`;
    if (word.status === "succeeded" && !root.has(wav)) wrong.push({ word, audio: "is gone" });
  }
  if (wrong.length > unsaid) expect(wrong).toEqual([]);
}

describe("a service that writes both stores as fast as it can, beside sync and cleanup in loops", () => {
  it("keeps its last words of every task, and what expired goes", async () => {
    const expired = await seeds(300);
    const unfinished = root
      .readStore()
      .filter((record) => !isFinished(record))
      .map(nameOf);
    const requeued = expired.slice(0, 20);
    service = new Service(root.path, ZONE, [
      "--redis-port",
      server.port,
      "--tasks",
      200,
      "--rate",
      1000,
      "--requeue",
      ...requeued,
    ]);
    await service.wrote(1);
    const [syncs, cleanups] = await Promise.all([
      loop("sync -o json"),
      loop(`cleanup --once --retention ${RETENTION} -o json`),
    ]);
    expect(await service.end()).toBe(0);
    expect(service.lastWords.size).toBe(220);
    expect(syncs.length + cleanups.length).toBeGreaterThan(1);
    expect([syncs.at(-1)!.code, cleanups.at(-1)!.code]).toEqual([0, 0]);
    // On a slow machine one may wait longer for the other than it is willing to; nothing else may go wrong.
    const failed = [...syncs, ...cleanups].filter(({ code }) => code !== 0);
    expect(failed.map(({ stderr }) => stderr).filter((text) => !text.includes("LOCK_TIMEOUT"))).toEqual([]);
    for (const { stdout } of syncs.filter(({ code }) => code === 0)) {
      const { total, written, unchanged, newerInRedis, ...rest } = JSON.parse(stdout);
      expect(total).toBe(written + unchanged + newerInRedis);
      expect(rest.failed).toBe(0);
    }
    await expectLastWords();
    const left = root.readStore().map(nameOf);
    expect(new Set(left).size).toBe(left.length);
    expect(left.filter((name) => expired.includes(name) && !requeued.includes(name))).toEqual([]);
    expect(unfinished.filter((name) => !left.includes(name))).toEqual([]);
    const gone = expired.filter((name) => !requeued.includes(name));
    for (const name of gone) {
      const [user, task] = name.split(":");
      expect(root.has(`output/${user}/${task}`)).toBe(false);
      expect(await server.call("EXISTS", `tts:task:${name}`)).toBe(0);
      expect(await server.call("ZSCORE", "tts:tasks:index", name)).toBeNull();
    }
    expect(root.has("output/.ttsctl-purge")).toBe(false);
    expect(root.has(".voice_task.json.ttsctl")).toBe(false);
  });
});

describe("a service that holds the store in its memory", () => {
  it("brings back what was purged: that is told as returned, and nothing of the service is lost", async () => {
    const expired = await seeds(60);
    service = new Service(root.path, ZONE, ["--redis-port", server.port, "--tasks", 400, "--rate", 60, "--memory"]);
    await service.wrote(3);
    const cleanup = await run(`cleanup --once --retention ${RETENTION} -o json`);
    expect(service.hasEnded).toBe(false); // it was there throughout
    expect(cleanup.code).toBe(3);
    const result = JSON.parse(cleanup.stdout);
    expect(result.candidates).toBe(expired.length);
    expect(result.candidates).toBe(result.purged + result.skipped + result.failed);
    expect(result.returned).toBe(expired.length);
    expect(cleanup.stderr).toMatch(/warning: user\d+:t\d+ .*returned.*memory/);
    const remove = await run("delete --status done,error --until 1h --yes -o json");
    expect(remove.code).toBe(3);
    expect(JSON.parse(remove.stdout).returned).toBe(expired.length);
    service.kill();
    await service.end();
    await expectLastWords(1);
    const after = await run(`cleanup --once --retention ${RETENTION} -o json`);
    expect(after.code).toBe(0);
    expect(JSON.parse(after.stdout)).toMatchObject({ purged: expired.length, returned: 0 });
    expect(
      root
        .readStore()
        .map(nameOf)
        .filter((name) => expired.includes(name)),
    ).toEqual([]);
  });
});
