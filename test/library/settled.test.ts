import { utimesSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import type { TaskRecord, TaskStore } from "../../src/library/types.ts";
import { ago, record } from "../helpers/records.ts";
import { openFiles } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { putIntoRedis } from "../promises/adapter.ts";
import { useLibrary } from "./setup.ts";

const here = useLibrary();
const task = (taskId: string, age = 60, more = {}): TaskRecord =>
  record("alice", taskId, { updated_at: ago(age), ...more });
const tasks = () => here.root.readStore().map(({ task_id }) => task_id);
let store: TaskStore;
let old: TaskRecord;

/** As a service that holds the store in memory. */
function serviceWrites(...records: TaskRecord[]): void {
  here.root.writeStore(records);
  utimesSync(here.root.store, new Date(), new Date());
}

beforeEach(async () => {
  old = task("t1", 600);
  serviceWrites(old);
  store = await here.open();
});

describe("in a file that another program wrote within the last minute", () => {
  it("each write resolves once it is on the disk, and settles 2 s later", async () => {
    const began = performance.now();
    const results = [
      ...[await store.upsert(task("t2")), await store.upsert(task("t3"))],
      await store.update("alice", "t3", (one) => ({ ...one, status: "failed" })),
      await store.update("alice", "t3", () => null),
      await store.update("alice", "t3", (one) => one, { claimId: "other" }),
      await store.delete("alice", "t1"),
    ];
    const states = ["written", "written", "written", "unchanged", "conflict", "removed"];
    expect(await Promise.all(results.slice(3, 5).map(({ settled }) => settled))).toEqual(states.slice(3, 5));
    expect(performance.now() - began).toBeLessThan(1500);
    expect([tasks(), results.map(({ state }) => state)]).toEqual([["t2", "t3"], states]);
    expect(JSON.parse(JSON.stringify(results[0]))).toEqual({ state: "written", redis: { state: "written" } });
    expect(await Promise.all(results.map(({ settled }) => settled))).toEqual(states);
    expect(performance.now() - began).toBeGreaterThan(2000);
  });

  it("undone changes are made again, all together and in both stores; what a later change replaced isn't", async () => {
    const latest = task("t3", 40);
    const inFile = (name: string) => here.root.readStore().find(({ task_id }) => task_id === name);
    const results = [
      await store.upsert(task("t1", 60)),
      await store.upsert(task("t2")),
      await store.delete("alice", "t2"),
      await store.upsert(task("t3")),
      await store.delete("alice", "t1"),
      await store.upsert({ ...old }), // as it was before: not an undoing
      await store.upsert(task("t3", 50)),
      await store.upsert(latest),
    ];
    for (let round = 0; round < 2; round++) {
      serviceWrites(old, task("t4"));
      await until(() => tasks().includes("t3"));
      await sleep(100);
      expect([...tasks()].sort()).toEqual(["t1", "t3", "t4"]);
      expect([inFile("t1"), inFile("t3")]).toEqual([old, latest]);
    }
    const last = await store.upsert(task("t3", 30));
    const before = task("t3", 600);
    serviceWrites(old);
    await putIntoRedis(here.server, before);
    expect(await last.settled).toBe("written");
    expect(inFile("t3")!.updated_at).not.toBe(before.updated_at);
    expect((await here.server.hash("tts:task:alice:t3")).updated_at).toBe(inFile("t3")!.updated_at);
    const states = ["written", "written", "removed", "written", "removed", "written", "written", "written"];
    expect(await Promise.all(results.map(({ settled }) => settled))).toEqual(states);
  });

  it("a change that was made again is watched for two seconds more", async () => {
    const { settled } = await store.upsert(task("t2"));
    for (let round = 0; round < 3; round++) {
      await sleep(800);
      serviceWrites(old);
      await until(() => tasks().includes("t2"), 5);
    }
    expect(await settled).toBe("written");
  });

  it("changes that are undone again and again have all returned, and a line of the log says so", async () => {
    const results = [await store.upsert(task("t2"))];
    for (const age of [60, 50, 40]) results.push(await store.upsert(task("t1", age)));
    const service = setInterval(() => {
      if (here.root.storeText() !== JSON.stringify([old], null, 2)) serviceWrites(old);
    }, 20);
    const ended = await Promise.all(results.map(({ settled }) => settled)).finally(() => clearInterval(service));
    expect([ended, here.root.readStore()]).toEqual([Array(4).fill("returned"), [old]]);
    expect(here.heard.join("\n")).toContain("alice:t2: another program holds the store in memory");
  }, 30_000);

  it("the repeats of one task don't count for another that was written with it", async () => {
    const stateOf = (name: string) => here.root.readStore().find(({ task_id }) => task_id === name)!.updated_at;
    const [other, both] = [task("t2", 600), [task("t1", 60), task("t2", 60)]];
    serviceWrites(old, other);
    const [, written] = await Promise.all(both.map((one) => store.upsert(one)));
    for (let age = 50; age > 38; age--) {
      const latest = task("t1", age);
      await store.upsert(latest);
      serviceWrites(old, age % 4 === 0 ? other : both[1]!); // each repeat of t2 is watched for 2 s more
      await until(() => stateOf("t1") === latest.updated_at && stateOf("t2") === both[1]!.updated_at);
    }
    serviceWrites(task("t1", 38), other);
    await until(() => stateOf("t2") === both[1]!.updated_at);
    expect(await written!.settled).toBe("written");
  }, 30_000);

  it("contents that were replaced aren't kept open meanwhile", async () => {
    for (let age = 60; age > 40; age--) await store.upsert(task("t1", age));
    const paths = openFiles(process.pid);
    const count = paths.filter((path) => path.startsWith(here.root.path) && path.endsWith(" (deleted)")).length;
    expect(count).toBeLessThan(3);
  });

  it("close() waits for it", async () => {
    await store.upsert(task("t2"));
    setTimeout(() => serviceWrites(old), 300);
    const began = performance.now();
    await store.close();
    expect([tasks(), performance.now() - began > 1500]).toEqual([["t1", "t2"], true]);
  });
});

it("settles at once if no other program wrote the file lately", async () => {
  const fresh = await here.open({ store: here.root.at("own.json") });
  const began = performance.now();
  for (const name of ["t1", "t2"]) expect(await (await fresh.upsert(task(name))).settled).toBe("written");
  expect(performance.now() - began).toBeLessThan(1500);
});
