import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import type { PlanEdit } from "../../../src/store/file/changes.ts";
import { NO_PUTS } from "../../../src/store/file/changes.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import { writable } from "../../../src/store/writable.ts";
import { namesIn, useFolder, writeOld } from "../../helpers/files.ts";
import { RULES } from "../../helpers/records.ts";
import { atExchange, dump, idsIn, rec, replaceStore } from "./service.ts";

const path = useFolder();
const three = [rec("t1"), rec("t2"), rec("t3")];

const removing =
  (task: string): PlanEdit =>
  (current) => {
    const row = current.rowOf({ userId: "alice", taskId: task });
    return { removed: new Set(row < 0 ? [] : [current.rows.key(row)]), puts: NO_PUTS };
  };

const later = { ...systemClock, now: () => systemClock.now() + 3600 };
const store = () => writable(new FileStore(path("s.json"), RULES, later));

afterEach(() => {
  vi.restoreAllMocks();
  vi.doUnmock("koffi/indirect");
});

describe.each(["EINVAL", "ENOSYS", "ENOTSUP", "EPERM"])("a file system whose exchange fails with %s", (code) => {
  test("a rename does it", async () => {
    await atExchange({ fails: () => code });
    writeOld(path("s.json"), dump(three));
    await store().apply(removing("t1"));
    await store().apply(removing("t3"));
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump([rec("t2")]));
    expect(namesIn(path())).not.toContain(".s.json.ttsctl");
  });

  test("a write of the service up to the last look is still seen", async () => {
    await atExchange({ fails: () => code });
    writeOld(path("s.json"), dump(three));
    let asked = 0;
    await store().apply((current) => {
      if (asked++ < 2) replaceStore(path("s.json"), [...three, rec(`new${asked}`)]);
      return removing("t1")(current, "");
    });
    expect([asked, idsIn(path("s.json"))]).toEqual([3, ["t2", "t3", "new2"]]);
  });
});

test("a machine without the native calls renames, and locks with flock(1)", async () => {
  vi.resetModules();
  vi.doMock("koffi/indirect", () => {
    throw new Error("no binary for this machine");
  });
  const { loadPosix } = await import("../../../src/store/file/posix.ts");
  expect(await loadPosix()).toBeNull();
  const fresh = await import("../../../src/store/file/file-store.ts");
  writeOld(path("s.json"), dump(three));
  const file = writable(new fresh.FileStore(path("s.json"), RULES, later));
  await file.apply(removing("t1"));
  expect(idsIn(path("s.json"))).toEqual(["t2", "t3"]);
  const lock = await file.lock("watch");
  await expect(store().lock("watch")).rejects.toMatchObject({ code: "WATCHER_RUNNING" });
  await lock.release();
});
