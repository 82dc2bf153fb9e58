import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import type { FileStore, PlanEdit } from "../../../src/store/file/file-store.ts";
import { NO_UPSERTS } from "../../../src/store/file/upserts.ts";
import { namesIn, useFolder, writeOld } from "../../helpers/files.ts";
import { RULES } from "../../helpers/records.ts";
import { dump, FakeMv, idsIn, rec, replaceStore } from "./service.ts";

const path = useFolder();
const three = [rec("t1"), rec("t2"), rec("t3")];

const removing =
  (task: string): PlanEdit =>
  (current) => {
    const row = current.rowOf("alice", task);
    return { removed: new Set(row < 0 ? [] : [current.rows.key(row)]), upserts: NO_UPSERTS };
  };

/** A store of a program that just started: what it learns of the machine is not known yet. */
async function freshStore(): Promise<FileStore> {
  vi.resetModules();
  const { FileStore } = await import("../../../src/store/file/file-store.ts");
  return new FileStore(path("s.json"), RULES, { ...systemClock, now: () => systemClock.now() + 3600 });
}

describe("where two files cannot be exchanged in one step", () => {
  let mv: FakeMv | undefined;
  let before: string | undefined;
  beforeEach(() => {
    before = process.env.PATH;
  });
  afterEach(() => {
    mv?.remove();
    mv = undefined;
    process.env.PATH = before;
  });

  test("since mv(1) does not know how: a rename does it, and mv is not asked again", async () => {
    mv = new FakeMv(path(), "exit 1\n");
    writeOld(path("s.json"), dump(three));
    const store = await freshStore();
    await store.edit(removing("t1"));
    await store.edit(removing("t3"));
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump([rec("t2")]));
    expect(readFileSync(path("calls"), "utf8")).toBe("x\n");
    expect(namesIn(path())).not.toContain(".s.json.ttsctl");
  });

  test("since there is no mv(1)", async () => {
    const flock = spawnSync("which", ["flock"], { encoding: "utf8" }).stdout.trim();
    mkdirSync(path("bin"));
    symlinkSync(flock, path("bin/flock"));
    process.env.PATH = path("bin");
    writeOld(path("s.json"), dump(three));
    await (await freshStore()).edit(removing("t1"));
    expect([idsIn(path("s.json")), namesIn(path())]).toEqual([
      ["t2", "t3"],
      ["bin", "s.json"],
    ]);
  });

  test("a write of the service up to the last look is still seen", async () => {
    mv = new FakeMv(path(), "exit 1\n");
    writeOld(path("s.json"), dump(three));
    const store = await freshStore();
    let asked = 0;
    await store.edit((current) => {
      if (asked++ < 2) replaceStore(path("s.json"), [...three, rec(`new${asked}`)]);
      return removing("t1")(current);
    });
    expect([asked, idsIn(path("s.json"))]).toEqual([3, ["t2", "t3", "new2"]]);
  });

  test("also one up to the moment at which mv(1) failed", async () => {
    writeFileSync(path("theirs"), dump([...three, rec("new")]));
    mv = new FakeMv(path(), "cp theirs service.tmp && $MV -T service.tmp s.json\nexit 1\n");
    writeOld(path("s.json"), dump(three));
    await (await freshStore()).edit(removing("t1"));
    expect(idsIn(path("s.json"))).toEqual(["t2", "t3", "new"]);
  });

  test("one failure of mv(1) after it worked does not end the exchanges", async () => {
    mv = new FakeMv(path(), '[ $n = 2 ] && exit 1\nexec $MV "$@"\n');
    writeOld(path("s.json"), dump(three));
    const store = await freshStore();
    for (const task of ["t1", "t2", "t3"]) await store.edit(removing(task));
    expect(readFileSync(path("s.json"), "utf8")).toBe("[]");
    expect(readFileSync(path("calls"), "utf8")).toBe("x\nx\nx\n");
  });
});
