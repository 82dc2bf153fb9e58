import { execFile } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, it, vi } from "vitest";
import type { TaskStore } from "../../src/library/types.ts";
import { loadPosix } from "../../src/store/file/posix.ts";
import { builtLibrary } from "../faults/helpers/program.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { writeOld } from "../helpers/files.ts";
import { LONG } from "../helpers/long.ts";
import { record } from "../helpers/records.ts";
import { SHAPES, textOf } from "../store/write/setup.ts";
import { useLibrary } from "./setup.ts";

const here = useLibrary();
const queued = (taskId: string, at: number, more = {}) =>
  record("alice", taskId, { status: "queued", updated_at: at, ...more });
const many = (count: number) => Array.from({ length: count }, (_, i) => queued(`t${i}`, 100 + i));
const RUNNING = { status: "running" };
const LEASE = { leaseMs: 60_000 };

/** A store with tasks, and what claims of it gave. */
async function filled(records: readonly object[], shape = "jsonl" as (typeof SHAPES)[number]) {
  const path = here.root.at(shape === "jsonl" ? "tasks.jsonl" : "tasks.json");
  writeOld(path, textOf(shape, records as never));
  let now = 1_800_000_000_000;
  const clock = { now: () => now };
  const pass = (ms: number) => {
    now += ms;
  };
  const open = () => here.open({ store: path, clock });
  const store = await open();
  const claim = async (from = ["queued"], options = {}) => (await store.claim(from, RUNNING, options))?.taskId ?? null;
  return { path, store, open, claim, pass };
}

const stateIn = async (store: TaskStore, taskId: string) =>
  (await store.get("alice", taskId, { source: "file" }))!.record;

describe.each(SHAPES)("claim, %s", (shape) => {
  it("takes the task that was changed the longest ago, in the file and in Redis", async () => {
    const { store, claim } = await filled([queued("t2", 200), queued("t1", 100), queued("t3", 300, RUNNING)], shape);
    const task = (await store.claim(["queued"], RUNNING, LEASE))!;
    expect(task).toMatchObject({ taskId: "t1", status: "run", record: { status: "running", claim_id: task.claimId } });
    expect(await stateIn(store, "t1")).toEqual(task.record);
    expect((await here.server.hash("tts:task:alice:t1")).status).toBe("running");
    expect([await claim(), await claim()]).toEqual(["t2", null]);
  });

  it("gives each task to one of many concurrent claims, and then to none", async () => {
    const { claim } = await filled(many(20), shape);
    const taken = await Promise.all(Array.from({ length: 25 }, () => claim()));
    expect(new Set(taken).size).toBe(21);
    expect(taken.slice(0, 3)).toEqual(["t0", "t1", "t2"]);
  });

  it("never gives two processes the same task", async () => {
    const tasks = many(shape === "jsonl" ? 60 : 15);
    const { path: store } = await filled(tasks, shape);
    const env = cleanEnv({ PROGRAM: JSON.stringify({ library: builtLibrary(), store }) });
    const script = new URL("claimer.mjs", import.meta.url).pathname;
    const run = async () => JSON.parse((await promisify(execFile)(process.execPath, [script], { env })).stdout);
    const had = (await Promise.all([run(), run(), run()])).flat();
    expect(had.sort()).toEqual(tasks.map(({ task_id }) => task_id).sort());
  });
});

describe("beside a program that replaces the file without the lock", () => {
  it("each task is still claimed once", { tags: ["slow"] }, async () => {
    const tasks = many(LONG ? 6 : 3);
    const { path } = await filled(tasks, "array");
    const [store, other] = [await here.open({ store: path }), await here.open({ store: path })];
    let isOver = false;
    const replace = async () => {
      while (!isOver) {
        const text = readFileSync(path);
        await sleep(5);
        writeFileSync(`${path}.tmp`, text);
        renameSync(`${path}.tmp`, path);
        await sleep(40);
      }
    };
    const had: string[] = [];
    const work = async (one: TaskStore): Promise<void> => {
      const task = await one.claim(["queued"], RUNNING, LEASE);
      if (task === null) return;
      had.push(task.taskId);
      await work(one);
    };
    const working = Promise.all([work(store), work(other), work(store)]).finally(() => {
      isOver = true;
    });
    await Promise.all([working, replace()]);
    expect(had.sort()).toEqual(tasks.map(({ task_id }) => task_id));
    expect(await store.listPage({ source: "file", status: ["run"] })).toMatchObject({ total: tasks.length });
  });

  it("a claim is given when it can't be undone any more", async () => {
    here.root.writeStore(many(1));
    const text = here.root.storeText();
    writeFileSync(here.root.store, text); // within the last minute
    const store = await here.open();
    here.root.write("undone.json", text);
    void sleep(700).then(() => renameSync(here.root.at("undone.json"), here.root.store));
    expect(await store.claim(["queued"], RUNNING)).toMatchObject({ taskId: "t0" });
    expect(here.root.has("undone.json")).toBe(false);
    expect(await stateIn(store, "t0")).toMatchObject(RUNNING);
  });
});

it("a writer begins although another one looks whether its mark is free", async () => {
  const store = await here.open();
  const looked = vi.spyOn((await loadPosix())!, "tryLock").mockReturnValueOnce(false);
  expect(await store.upsert(queued("t1", 1)).finally(() => looked.mockRestore())).toMatchObject({ state: "written" });
});

describe("a lease", () => {
  it("lets another process claim the task when it has expired; the first one can't finish it then", async () => {
    const { store, open, pass } = await filled([queued("t1", 100)]);
    const first = (await store.claim(["queued"], RUNNING, { leaseMs: 5000 }))!;
    const other = await open();
    pass(4999);
    expect(await other.claim(["queued"], RUNNING, LEASE)).toBeNull();
    pass(1);
    const second = (await other.claim(["queued"], RUNNING, LEASE))!;
    expect([second.taskId, second.claimId === first.claimId]).toEqual(["t1", false]);
    const finish = (task: typeof first) =>
      store.update("alice", "t1", (record) => ({ ...record, status: "succeeded" }), { claimId: task.claimId });
    expect(await finish(first)).toMatchObject({ state: "conflict", task: { record: RUNNING } });
    expect(await finish(second)).toMatchObject({ state: "written", task: { status: "done" } });
    const done = await stateIn(store, "t1");
    expect([Object.hasOwn(done, "claim_id"), Object.hasOwn(done, "claimed_until")]).toEqual([false, false]);
  });

  it("of another kind of worker, or of none, is not claimed", async () => {
    const left = { claim_id: "x", claimed_until: 200 };
    const { claim } = await filled([
      queued("t1", 100, { status: "processing", ...left }),
      queued("t2", 101, { status: "running" }),
      queued("t3", 102, { status: "Running", ...left }),
      queued("t4", 103, { status: "succeeded", ...left }),
      queued("t5", 50, { ...left, claimed_until: 4_000_000_000 }),
    ]);
    expect([await claim(), await claim(), await claim()]).toEqual(["t5", "t3", null]);
  });

  it("is renewed by an update, and ends with the status", async () => {
    const { store, claim, pass } = await filled([queued("t1", 100)]);
    const { claimId } = (await store.claim(["queued"], RUNNING, { leaseMs: 1000 }))!;
    const progress = (n: number) =>
      store.update("alice", "t1", (r) => ({ ...r, progress: n }), { claimId, leaseMs: 1000 });
    for (const n of [10, 20, 30]) {
      pass(900);
      const record = { progress: n, claim_id: claimId };
      expect(await progress(n)).toMatchObject({ state: "written", task: { record } });
      expect(await claim()).toBeNull();
    }
    await store.update("alice", "t1", (r) => ({ ...r, status: "queued" }), { claimId });
    expect(await claim()).toBe("t1");
  });
});

describe("update", () => {
  it("applies the function's changes, and keeps the other bytes", async () => {
    const { path, store } = await filled([]);
    const [ids, kept] = ['"user_id":"alice","task_id":"t1"', '"seed":12345678901234567890,"top_p":1.0'];
    writeOld(path, `{${ids},"updated_at":100,${kept},"gone":1,"constructor":2}\n`);
    const updated = await store.update("alice", "t1", ({ gone: _, constructor: __, ...record }) => ({
      ...record,
      status: "running",
      n: [1],
    }));
    expect(updated).toMatchObject({ state: "written", redis: { state: "written" }, task: { status: "run" } });
    const json = `{${ids},"updated_at":1800000000,${kept},"status":"running","n":[1]}`;
    expect((await store.get("alice", "t1"))!.json).toBe(json);
  });

  it.each(["user_id", "task_id"])("refuses a change of %s, so no other task is overwritten", async (name) => {
    const ids = [queued("t1", 100), queued("t2", 200), { ...queued("t1", 300), user_id: "t2" }];
    const { store } = await filled(ids);
    const before = (await store.listPage()).items;
    const change = store.update("alice", "t1", (record) => ({ ...record, [name]: "t2", n: 1 }));
    await expect(change).rejects.toMatchObject({ code: "TASK_INVALID" });
    expect((await store.listPage()).items).toEqual(before);
    expect((await store.listPage({ source: "file" })).items).toEqual(before);
  });

  it("never revives a task that was deleted", async () => {
    const { store, open } = await filled([queued("t1", 100)]);
    await (await open()).delete("alice", "t1");
    const late = await store.update("alice", "t1", (record) => ({ ...record, status: "succeeded" }));
    expect(late).toEqual({ state: "missing", redis: { state: "skipped" }, task: null });
    expect(await store.get("alice", "t1")).toBeNull();
  });
});
