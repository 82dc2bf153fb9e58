import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { writable } from "../../../src/store/writable.ts";
import { namesIn, writeOld } from "../../helpers/files.ts";
import { RULES } from "../../helpers/records.ts";
import { later, removing, three, useStoreFile } from "./editing.ts";
import { atExchange, dump, idsIn, rec, replaceStore } from "./service.ts";

const { path, storeAt } = useStoreFile();

afterEach(() => {
  vi.restoreAllMocks();
  vi.doUnmock("koffi/indirect");
});

const UNSUPPORTED = ["EINVAL", "ENOSYS", "ENOTSUP", "EPERM"];
test.each(UNSUPPORTED)("an exchange that fails with %s: a rename does it, behind a last look", async (code) => {
  await atExchange({ fails: () => code });
  writeOld(path("s.json"), dump(three));
  let asked = 0;
  await storeAt().apply((current) => {
    if (asked++ < 2) replaceStore(path("s.json"), [...three, rec(`new${asked}`)]);
    return removing("t1")(current, "");
  });
  expect([asked, readFileSync(path("s.json"), "utf8")]).toEqual([3, dump([...three.slice(1), rec("new2")])]);
  expect(namesIn(path())).toEqual(["s.json"]);
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
  const file = writable(new fresh.FileStore(path("s.json"), RULES, later()));
  await file.apply(removing("t1"));
  expect(idsIn(path("s.json"))).toEqual(["t2", "t3"]);
  const lock = await file.lock("watch");
  await expect(storeAt().lock("watch")).rejects.toMatchObject({ code: "WATCHER_RUNNING" });
  await lock.release();
});
