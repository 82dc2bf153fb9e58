import { appendFileSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { SharedSnapshot } from "../../../src/store/file/shared-snapshot.ts";
import type { Snapshot } from "../../../src/store/file/snapshot.ts";
import { NO_UPSERTS } from "../../../src/store/file/upserts.ts";
import { FileBehind } from "../../../src/store/task-store.ts";
import { useFolder, writeOld } from "../../helpers/files.ts";
import { RULES } from "../../helpers/records.ts";

const path = useFolder();
let store: string;
let shared: SharedSnapshot;
beforeEach(() => {
  store = path("store.jsonl");
  shared = new SharedSnapshot(store, RULES, systemClock);
});
afterEach(() => shared.close());

const line = (taskId: string) =>
  `${JSON.stringify({ user_id: "u", task_id: taskId, status: "done", updated_at: "2026-01-01T00:00:00" })}\n`;

function replace(text: string): void {
  writeFileSync(path("new"), text);
  renameSync(path("new"), store);
}

/** How often this process has a file of the test's folder open. */
function openFiles(): number {
  const fds = readdirSync("/proc/self/fd");
  return fds.filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(store);
    } catch {
      return false; // closed by now
    }
  }).length;
}

const closeAll = (...snapshots: Snapshot[]) => Promise.all(snapshots.map((snapshot) => snapshot.close()));

test("all reads during a scan, and after it, share one snapshot", async () => {
  replace(line("t1"));
  const together = await Promise.all(Array.from({ length: 20 }, () => shared.read()));
  const later = await shared.read();
  expect(new Set([...together, later]).size).toBe(1);
  expect(openFiles()).toBe(1);
  await closeAll(...together, later);
  await shared.close();
  expect(openFiles()).toBe(0);
});

test("a reader keeps its content after the file was replaced; the file is closed after the last reader", async () => {
  replace(line("t1"));
  const [first, second] = [await shared.read(), await shared.read()];
  replace(line("t2"));
  const fresh = await shared.read();
  expect([fresh.rowOf("u", "t1"), fresh.rowOf("u", "t2")]).toEqual([-1, 0]);
  await first.close();
  expect((await second.readTasks([0])).map(({ taskId }) => taskId)).toEqual(["t1"]);
  expect(openFiles()).toBe(2);
  await second.close();
  expect(openFiles()).toBe(1);
  await fresh.close();
});

test("a read sees all earlier writes, even while an older scan runs", async () => {
  replace(line("t0"));
  for (let i = 1; i <= 30; i++) {
    const before = shared.read();
    appendFileSync(store, line(`t${i}`));
    const after = await shared.read();
    expect(after.rowOf("u", `t${i}`)).toBeGreaterThanOrEqual(0);
    await closeAll(await before, after);
  }
});

test("a file that cannot be read fails each time until it can be; one that is gone is an empty store", async () => {
  replace("[1,");
  for (let i = 0; i < 2; i++) await expect(shared.read()).rejects.toMatchObject({ code: "STORE_INVALID" });
  expect(openFiles()).toBe(0);
  replace(line("t1"));
  await closeAll(await shared.read());
  rmSync(store);
  const empty = await shared.read();
  expect([empty.exists, empty.size]).toEqual([false, 0]);
  await empty.close();
});

test("a store reads its own writes", async () => {
  writeOld(store, line("t1") + line("t2"));
  const file = new FileStore(store, RULES, systemClock, { shared });
  const before = await file.read();
  await file.edit((current) => ({
    removed: new Set([current.keyOf({ userId: "u", taskId: "t1" })]),
    upserts: NO_UPSERTS,
  }));
  const after = await file.read();
  expect([before.size, after.size]).toEqual([2, 1]);
  await closeAll(before, after);
});

test("a file behind Redis is read once, and no file is left open if it is closed during that", async () => {
  writeFileSync(store, line("a"));
  const behind = new FileBehind(new FileStore(store, RULES, systemClock));
  const both = [behind.snapshot(), behind.snapshot()];
  await behind.close();
  expect(await both[0]).toBe(await both[1]);
  expect(await behind.snapshot()).toBeNull();
  expect(openFiles()).toBe(0);
});
