import { appendFileSync, readdirSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { SharedSnapshot } from "../../../src/store/file/shared-snapshot.ts";
import type { Snapshot } from "../../../src/store/file/snapshot.ts";
import { useFolder } from "../../helpers/files.ts";
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
