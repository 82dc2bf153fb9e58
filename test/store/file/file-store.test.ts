import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  watch,
  writeFileSync,
} from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Clock } from "../../../src/clock.ts";
import { systemClock } from "../../../src/clock.ts";
import { TtsctlError } from "../../../src/errors.ts";
import type { Edit } from "../../../src/store/file/edit.ts";
import { FileStore, type FileStoreOptions, type PlanEdit } from "../../../src/store/file/file-store.ts";
import { takeLock } from "../../../src/store/file/lock.ts";
import { loadPosix, type Posix } from "../../../src/store/file/posix.ts";
import type { Snapshot } from "../../../src/store/file/snapshot.ts";
import { NO_UPSERTS, upsertsOf } from "../../../src/store/file/upserts.ts";
import { namesIn, useFolder, writeOld } from "../../helpers/files.ts";
import { RULES, taskOf } from "../../helpers/records.ts";
import { until } from "../../helpers/until.ts";
import { useChildren } from "./children.ts";
import { atExchange, bringBack, dump, idsIn, load, type Rec, rec, replaceStore } from "./service.ts";

const path = useFolder();
const start = useChildren();
const TEMPORARY = ".s.json.ttsctl";
const ROOT = process.getuid?.() === 0;

/** Asking for the monotonic time lets some of it pass: nobody has to wait for the end of a watch. */
class HastyClock implements Clock {
  asked = 0;
  constructor(readonly now = systemClock.now) {}

  monotonic(): number {
    return this.asked++ / 5;
  }
}

/** For tests that are not about a service that wrote lately: it did so an hour ago. */
const later = () => new HastyClock(() => systemClock.now() + 3600);

const storeAt = (name = "s.json", clock: Clock = later(), options: FileStoreOptions = {}) =>
  new FileStore(path(name), RULES, clock, options);

/** A plan that removes tasks wherever they are. */
function removing(...tasks: string[]): PlanEdit {
  return (current: Snapshot) => {
    const rows = tasks.map((task) => current.rowOf("alice", task)).filter((row) => row >= 0);
    return { removed: new Set(rows.map((row) => current.rows.key(row))), upserts: NO_UPSERTS };
  };
}

const scoreOf = (current: Snapshot, task: string): number => current.rows.score(current.rowOf("alice", task));

const putting =
  (...records: Rec[]): PlanEdit =>
  () => ({ removed: new Set(), upserts: upsertsOf(records.map(taskOf)) });

/** The plan, with something that happens each time just after it was asked; the store moves under it. */
function disturbed(plan: PlanEdit, ...events: (() => void)[]): PlanEdit & { asked: number } {
  const asking = Object.assign(
    async (current: Snapshot) => {
      const edit = await plan(current);
      events[asking.asked++]?.();
      return edit;
    },
    { asked: 0 },
  );
  return asking;
}

const three = [rec("t1"), rec("t2"), rec("t3")];

describe("a rewrite", () => {
  test.each([0o600, 0o640, 0o664, 0o2755])("keeps the mode %o", async (mode) => {
    writeOld(path("s.json"), dump(three));
    chmodSync(path("s.json"), mode);
    await storeAt().edit(removing("t2"));
    expect([idsIn(path("s.json")), statSync(path("s.json")).mode & 0o7777]).toEqual([["t1", "t3"], mode]);
  });

  test("of a file that was not there gets the usual mode", async () => {
    const before = process.umask();
    await storeAt().edit(putting(rec("t1")));
    expect(statSync(path("s.json")).mode & 0o777).toBe(0o666 & ~before);
    expect(namesIn(path())).toEqual(["s.json"]);
  });

  test.runIf(ROOT)("keeps the owner", async () => {
    writeOld(path("s.json"), dump(three));
    chownSync(path("s.json"), 1234, 2345);
    chmodSync(path("s.json"), 0o4640);
    await storeAt().edit(removing("t2"));
    const { uid, gid, mode } = statSync(path("s.json"));
    expect([uid, gid, mode & 0o7777, idsIn(path("s.json"))]).toEqual([1234, 2345, 0o4640, ["t1", "t3"]]);
  });

  test.runIf(ROOT)("that cannot keep the owner is refused", async () => {
    writeOld(path("s.json"), dump(three));
    chmodSync(path("s.json"), 0o666);
    chmodSync(path(), 0o777);
    const { line } = await start({ do: "remove", path: path("s.json"), ids: [["alice", "t2"]] }, { uid: 65_534 });
    expect(JSON.parse(line)).toMatchObject({
      code: "STORE_WRITE_FAILED",
      message: expect.stringContaining("owner 0:0"),
    });
    expect([readFileSync(path("s.json"), "utf8"), namesIn(path())]).toEqual([dump(three), ["s.json"]]);
  });

  describe("of a file with access control lists or extended attributes", () => {
    const [USER_OBJ, USER, GROUP_OBJ, MASK, OTHER] = [1, 2, 4, 16, 32];
    const [READ, WRITE] = [4, 2];

    /** A POSIX ACL as the kernel keeps it, in which a user may read and write besides the owner. */
    function acl(user: number): Buffer {
      const entries: [tag: number, rights: number, id?: number][] = [
        [USER_OBJ, READ | WRITE],
        [USER, READ | WRITE, user],
        [GROUP_OBJ, READ],
        [MASK, READ | WRITE],
        [OTHER, 0],
      ];
      const bytes = Buffer.alloc(4 + 8 * entries.length);
      bytes.writeUInt32LE(2);
      for (const [i, [tag, rights, id = 0xffffffff]] of entries.entries()) {
        bytes.writeUInt16LE(tag, 4 + 8 * i);
        bytes.writeUInt16LE(rights, 6 + 8 * i);
        bytes.writeUInt32LE(id, 8 + 8 * i);
      }
      return bytes;
    }

    async function withFile<T>(name: string, act: (posix: Posix, fd: number) => T): Promise<T> {
      const fd = openSync(path(name), "r");
      try {
        return act((await loadPosix())!, fd);
      } finally {
        closeSync(fd);
      }
    }
    const attributesOf = (name: string) => withFile(name, (posix, fd) => posix.attributes(fd));

    test("keeps them", async () => {
      writeOld(path("s.json"), dump(three));
      await withFile("s.json", (posix, fd) => {
        posix.setAttribute(fd, "system.posix_acl_access", acl(1234));
        posix.setAttribute(fd, "user.note", Buffer.from("kept"));
      });
      const before = [await attributesOf("s.json"), statSync(path("s.json")).mode];
      await storeAt().edit(removing("t2"));
      expect(idsIn(path("s.json"))).toEqual(["t1", "t3"]);
      expect([await attributesOf("s.json"), statSync(path("s.json")).mode]).toEqual(before);
    });

    test("gives nobody the access that the directory grants to new files", async () => {
      writeOld(path("s.json"), dump(three));
      await withFile("", (posix, fd) => posix.setAttribute(fd, "system.posix_acl_default", acl(1234)));
      await storeAt().edit(removing("t2"));
      expect([...(await attributesOf("s.json")).keys()]).not.toContain("system.posix_acl_access");
    });

    test("is refused if one can't be kept", async () => {
      writeOld(path("s.json"), dump(three));
      await withFile("s.json", (posix, fd) => posix.setAttribute(fd, "user.note", Buffer.from("kept")));
      const posix = (await loadPosix())!;
      const spy = vi.spyOn(posix, "setAttribute").mockImplementation(() => {
        throw Object.assign(new Error("EDQUOT"), { code: "EDQUOT", errno: -122 });
      });
      const edit = storeAt().edit(removing("t2"));
      await expect(edit).rejects.toMatchObject({
        code: "STORE_WRITE_FAILED",
        message: expect.stringContaining("user.note"),
      });
      spy.mockRestore();
      expect([readFileSync(path("s.json"), "utf8"), namesIn(path())]).toEqual([dump(three), ["s.json"]]);
    });
  });

  test("copies what stays, however large, around what goes", async () => {
    const records = Array.from({ length: 150 }, (_, i) => rec(`t${i}`, 1, { text: `${i} 文`.repeat(3000 + 97 * i) }));
    records[70] = rec("t70", 1, { text: "长".repeat(700_000) });
    writeOld(path("s.json"), dump(records));
    const gone = records.filter((_, i) => i % 3 === 1).map((record) => record.task_id);
    const put = rec("t30", 2, { text: "x".repeat(3 << 20) });
    await storeAt().edit(async (current) => ({
      ...(await removing(...gone)(current)),
      upserts: upsertsOf([taskOf(put)]),
    }));
    const expected = records.map((record) => (record.task_id === "t30" ? put : record)).filter((_, i) => i % 3 !== 1);
    expect(readFileSync(path("s.json"), "utf8") === dump(expected)).toBe(true);
  });

  test("with nothing to change changes nothing", async () => {
    writeOld(path("s.json"), dump(three));
    const before = statSync(path("s.json"), { bigint: true });
    expect(await storeAt().edit(removing("t9"))).toEqual({ rewrites: 0, returned: [] });
    const after = statSync(path("s.json"), { bigint: true });
    expect([after.ino, after.ctimeNs]).toEqual([before.ino, before.ctimeNs]);
  });
});

describe("a symbolic link to the store", () => {
  test.each([
    ["relative", "data/real.json"],
    ["through another link", "other"],
  ])("%s: is followed, not replaced", async (_, to) => {
    mkdirSync(path("data"));
    writeOld(path("data/real.json"), dump(three));
    symlinkSync("data/real.json", path("other"));
    symlinkSync(to, path("s.json"));
    await storeAt().edit(removing("t1"));
    expect([readlinkSync(path("s.json")), lstatSync(path("data/real.json")).isFile()]).toEqual([to, true]);
    expect(idsIn(path("data/real.json"))).toEqual(["t2", "t3"]);
    expect([namesIn(path()), namesIn(path("data"))]).toEqual([["data", "other", "s.json"], ["real.json"]]);
  });

  test("whose file is not there yet makes that file", async () => {
    mkdirSync(path("data"));
    symlinkSync("data/real.json", path("other"));
    symlinkSync(path("other"), path("s.json"));
    await storeAt().edit(putting(rec("t1")));
    expect(lstatSync(path("s.json")).isSymbolicLink()).toBe(true);
    expect(idsIn(path("data/real.json"))).toEqual(["t1"]);
  });

  test("and the file itself share their locks", async () => {
    writeOld(path("real.json"), dump(three));
    symlinkSync("real.json", path("s.json"));
    const lock = await storeAt("s.json").lock("watch");
    await expect(storeAt("real.json").lock("watch")).rejects.toMatchObject({ code: "WATCHER_RUNNING" });
    await lock.release();
  });

  test("to itself is an error of the store", async () => {
    symlinkSync("s.json", path("s.json"));
    await expect(storeAt().read()).rejects.toMatchObject({ code: "STORE_UNREADABLE" });
    await expect(storeAt().edit(removing("t1"))).rejects.toMatchObject({ code: "STORE_UNREADABLE" });
    await expect(storeAt().lock("run")).rejects.toMatchObject({ code: "STORE_UNREADABLE" });
  });
});

describe("what a killed run left", () => {
  test.each<[string, () => Promise<unknown>]>([
    ["a rewrite", () => storeAt().edit(removing("t1"))],
    ["a rewrite that has nothing to do", () => storeAt().edit(removing("t9"))],
    ["the lock of a run", async () => (await storeAt().lock("run")).release()],
  ])("is removed by %s", async (_, act) => {
    writeOld(path("s.json"), dump(three));
    writeFileSync(path(TEMPORARY), "half of a");
    writeFileSync(path("voice_task.tmp"), "the service's own");
    await act();
    expect(namesIn(path())).toEqual(["s.json", "voice_task.tmp"]);
  });
});

describe("a failure leaves the file as it was, no temporary file, and no lock", () => {
  async function expectRefusal(edit: Promise<unknown>, code: string): Promise<void> {
    await expect(edit).rejects.toMatchObject({ code, name: "TtsctlError" });
  }

  test("of the disk, while the new content is written", async () => {
    const records = Array.from({ length: 300 }, (_, i) => rec(`t${i}`, 1, { text: "x".repeat(1000) }));
    writeOld(path("s.json"), dump(records));
    const { line } = await start({ do: "remove", path: path("s.json"), ids: [["alice", "t5"]] }, { fileSize: 100_000 });
    expect(JSON.parse(line)).toMatchObject({ code: "STORE_WRITE_FAILED", message: expect.stringContaining("EFBIG") });
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(records));
    expect(namesIn(path())).toEqual(["s.json"]);
  });

  test("of the temporary path, which is a folder", async () => {
    writeOld(path("s.json"), dump(three));
    mkdirSync(path(TEMPORARY));
    await expectRefusal(storeAt().edit(removing("t1")), "STORE_WRITE_FAILED");
    await expectRefusal(storeAt().lock("run"), "STORE_WRITE_FAILED");
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(three));
    rmSync(path(TEMPORARY), { recursive: true });
    // The lock of the run that failed is free.
    await (await storeAt().lock("run")).release();
    expect((await storeAt().edit(removing("t1"))).rewrites).toBe(1);
  });

  test("of the plan", async () => {
    writeOld(path("s.json"), dump(three));
    const broken = storeAt().edit(() => {
      throw new Error("no plan");
    });
    await expect(broken).rejects.toThrow("no plan");
    expect([readFileSync(path("s.json"), "utf8"), namesIn(path())]).toEqual([dump(three), ["s.json"]]);
    expect((await storeAt().edit(removing("t1"))).rewrites).toBe(1);
  });

  test.each([
    ["empty", ""],
    ["cut", dump(three).slice(0, -5)],
    ["of another kind", '"text"'],
  ])("of reading: the file is %s", async (_, content) => {
    writeOld(path("s.json"), content);
    await expectRefusal(storeAt().edit(putting(rec("t1"))), "STORE_INVALID");
    expect([readFileSync(path("s.json"), "utf8"), namesIn(path())]).toEqual([content, ["s.json"]]);
  });

  test("of the folder, which is not there", async () => {
    await expectRefusal(storeAt("no/s.json").edit(putting(rec("t1"))), "LOCK_UNAVAILABLE");
  });
});

describe("a service that writes while the change is planned", () => {
  const update = rec("t2", 9, { status: "running" });
  const theirs = [rec("t1"), update, rec("t4")];
  const cases: [string, () => void, Rec[]][] = [
    ["replaces the file", () => replaceStore(path("s.json"), theirs), [update, rec("t4")]],
    ["overwrites it in place", () => writeOld(path("s.json"), dump(theirs)), [update, rec("t4")]],
    ["replaces it by the same content", () => replaceStore(path("s.json"), three), [rec("t2"), rec("t3")]],
    ["changes its mode", () => chmodSync(path("s.json"), 0o600), [rec("t2"), rec("t3")]],
    ["touches it", () => utimesSync(path("s.json"), 5, 5), [rec("t2"), rec("t3")]],
  ];

  test.each(cases)("%s: the plan is asked again on what is there then", async (_, event, left) => {
    writeOld(path("s.json"), dump(three));
    const plan = disturbed(
      removing("t1"),
      () => event(),
      () => event(),
    );
    const outcome = await storeAt().edit(plan);
    expect([plan.asked, outcome.returned]).toEqual([3, []]);
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(left));
    expect(namesIn(path())).toEqual(["s.json"]);
  });

  test("updates the very task: a plan that looks at what is there leaves it", async () => {
    writeOld(path("s.json"), dump(three));
    const plan = disturbed(
      (current) => {
        const row = current.rowOf("alice", "t2");
        return { removed: new Set(current.rows.score(row) === 1 ? [current.rows.key(row)] : []), upserts: NO_UPSERTS };
      },
      () => replaceStore(path("s.json"), theirs),
    );
    expect((await storeAt().edit(plan)).rewrites).toBe(0);
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(theirs));
  });

  test("changes it after a plan that has nothing to do: asked again too", async () => {
    writeOld(path("s.json"), dump([rec("t2")]));
    const plan = disturbed(removing("t1"), () => replaceStore(path("s.json"), three));
    await storeAt().edit(plan);
    expect([plan.asked >= 2, idsIn(path("s.json"))]).toEqual([true, ["t2", "t3"]]);
  });

  test("makes the file that was missing, or takes it away", async () => {
    const making = disturbed(putting(rec("t9")), () => replaceStore(path("s.json"), three));
    await storeAt().edit(making);
    expect([making.asked, idsIn(path("s.json"))]).toEqual([2, ["t1", "t2", "t3", "t9"]]);
    const taking = disturbed(putting(rec("t8")), () => rmSync(path("s.json")));
    await storeAt().edit(taking);
    expect([taking.asked, idsIn(path("s.json"))]).toEqual([2, ["t8"]]);
  });

  test("appends a line to JSON Lines", async () => {
    const line = (record: Rec) => `${JSON.stringify(record)}\n`;
    writeOld(path("s.jsonl"), three.map(line).join(""));
    const plan = disturbed(removing("t1"), () => appendFileSync(path("s.jsonl"), line(update)));
    await storeAt("s.jsonl").edit(plan);
    expect(plan.asked).toBe(2);
    expect(readFileSync(path("s.jsonl"), "utf8")).toBe([rec("t2"), rec("t3"), update].map(line).join(""));
  });

  test.each<[string, string, (file: string) => void]>([
    ["replaces it by a broken one", "STORE_INVALID", (file) => renameSync(file, path("s.json"))],
    ["cuts it in place", "STORE_BUSY", (file) => copyFileSync(file, path("s.json"))],
  ])("%s: an error, and theirs stays", async (_, code, act) => {
    writeOld(path("s.json"), dump(three));
    const edit = disturbed(removing("t1"), () => {
      writeFileSync(path("new"), "[");
      act(path("new"));
      rmSync(path("new"), { force: true });
    });
    await expect(storeAt().edit(edit)).rejects.toMatchObject({ code });
    expect([readFileSync(path("s.json"), "utf8"), namesIn(path())]).toEqual(["[", ["s.json"]]);
  });

  test("never stops: STORE_BUSY after a minute, by the monotonic clock", async () => {
    writeOld(path("s.json"), dump(three));
    let seconds = 0;
    const clock: Clock = { now: systemClock.now, monotonic: () => (seconds += 25) };
    const always = Array.from({ length: 10 }, () => () => replaceStore(path("s.json"), three));
    const plan = disturbed(removing("t1"), ...always);
    await expect(storeAt("s.json", clock).edit(plan)).rejects.toMatchObject({ code: "STORE_BUSY" });
    expect(plan.asked).toBe(3);
    expect([readFileSync(path("s.json"), "utf8"), namesIn(path())]).toEqual([dump(three), ["s.json"]]);
  });
});

describe("a snapshot to plan on", () => {
  test("is used while it is current, and stays open", async () => {
    writeOld(path("s.json"), dump(three));
    const base = await storeAt().read();
    const seen: Snapshot[] = [];
    await storeAt().edit((current) => {
      seen.push(current);
      return removing("t1")(current);
    }, base);
    expect(seen).toEqual([base]);
    expect((await base.readTasks([0])).map((task) => task.taskId)).toEqual(["t1"]);
    await base.close();
  });

  test("is not used once the file moved, before the edit or within it", async () => {
    writeOld(path("s.json"), dump(three));
    for (const when of ["before", "within"]) {
      const base = await storeAt().read();
      const asked: boolean[] = [];
      if (when === "before") replaceStore(path("s.json"), [...three, rec("t4")]);
      const plan: PlanEdit = (current) => {
        if (when === "within" && asked.length === 0) replaceStore(path("s.json"), [...three, rec("t4")]);
        asked.push(current === base);
        return removing("t1")(current);
      };
      await storeAt().edit(plan, base);
      expect([when, asked.slice(0, 2), idsIn(path("s.json"))]).toEqual([
        when,
        when === "before" ? [false] : [true, false],
        ["t2", "t3", "t4"],
      ]);
      await base.close();
    }
  });
});

test("isCurrent sees every way in which a file moves", async () => {
  const store = storeAt();
  const moves: [string, () => void][] = [
    ["nothing", () => {}],
    ["replaced by the same", () => replaceStore(path("s.json"), three)],
    ["appended to", () => appendFileSync(path("s.json"), "\n")],
    ["written in place, mtime put back", () => writeOld(path("s.json"), dump(three).replace("t1", "x1"))],
    ["another mode", () => chmodSync(path("s.json"), 0o600)],
    ["gone", () => rmSync(path("s.json"))],
  ];
  for (const [name, move] of moves) {
    writeOld(path("s.json"), dump(three));
    const snapshot = await store.read();
    move();
    expect([name, await store.isCurrent(snapshot)]).toEqual([name, name === "nothing"]);
    await snapshot.close();
  }
  rmSync(path("s.json"), { force: true });
  const missing = await store.read();
  expect(await store.isCurrent(missing)).toBe(true);
  writeOld(path("s.json"), "[]");
  expect(await store.isCurrent(missing)).toBe(false);
});

describe("a service that writes between our last look and the exchange", () => {
  afterEach(() => vi.restoreAllMocks());

  /** The n-th of these contents is written just before, or after, the n-th exchange. */
  const writing = (contents: readonly (readonly Rec[] | null)[]) => (n: number) => {
    const records = contents[n - 1];
    if (records != null) replaceStore(path("s.json"), records);
  };

  test("keeps what it wrote, and our change is made on it", async () => {
    await atExchange({ before: writing([[rec("t1"), rec("t2", 9), rec("t4")]]) });
    writeOld(path("s.json"), dump(three));
    const plan = disturbed(removing("t1"));
    const outcome = await storeAt().edit(plan);
    expect([plan.asked, outcome.returned]).toEqual([2, []]);
    expect(load(path("s.json"))).toEqual([rec("t2", 9), rec("t4")]);
    expect(existsSync(path(TEMPORARY))).toBe(false);
  });

  test("in whole seconds too: the record that it wrote at the same time stands", async () => {
    const theirs = [rec("t1"), rec("t2", 1, { status: "succeeded" })];
    await atExchange({ before: writing([theirs]) });
    writeOld(path("s.json"), dump(three));
    await storeAt().edit(removing("t1"));
    expect(load(path("s.json"))).toEqual([rec("t2", 1, { status: "succeeded" })]);
  });

  test("and again while theirs is given back: the last one counts", async () => {
    const w1 = [rec("t1"), rec("t2", 8), rec("t5")];
    const w2 = [rec("t1"), rec("t2", 9), rec("t5"), rec("t6")];
    await atExchange({ before: writing([w1, w2]) });
    writeOld(path("s.json"), dump(three));
    await storeAt().edit(removing("t1"));
    expect(load(path("s.json"))).toEqual([rec("t2", 9), rec("t5"), rec("t6")]);
    expect(existsSync(path(TEMPORARY))).toBe(false);
  });

  /** The first write is displaced; the second one comes right after it is back, and was made of what we had put there. */
  const madeOfOurs = (displaced: Rec[], later: Rec[]) =>
    atExchange({ before: writing([displaced]), after: writing([null, later]) });

  test("from what it read while its own write was displaced: the update that it lost is put back", async () => {
    await madeOfOurs([rec("t1"), rec("t2", 8), rec("t3"), rec("t7", 8)], [rec("t2"), rec("t3"), rec("t8", 9)]);
    writeOld(path("s.json"), dump(three));
    await storeAt().edit(removing("t1"));
    expect(load(path("s.json"))).toEqual([rec("t2", 8), rec("t3"), rec("t8", 9), rec("t7", 8)]);
  });

  test("and the deletion that it lost is made again", async () => {
    await madeOfOurs([rec("t1"), rec("t3")], [rec("t2"), rec("t3"), rec("t8", 9)]);
    writeOld(path("s.json"), dump(three));
    await storeAt().edit(removing("t1"));
    expect(load(path("s.json"))).toEqual([rec("t3"), rec("t8", 9)]);
  });

  test("an update lost in that way keeps its task from a removal that was decided before it", async () => {
    await madeOfOurs([rec("t1"), rec("t2", 6), rec("t3", 7)], [rec("t3"), rec("t9", 9)]);
    writeOld(path("s.json"), dump(three));
    const open = readdirSync("/proc/self/fd").length;
    const isOld = (current: Snapshot) => ["t1", "t2"].filter((task) => scoreOf(current, task) === 1);
    await storeAt().edit((current) => removing(...isOld(current))(current));
    expect(load(path("s.json"))).toEqual([rec("t3", 7), rec("t9", 9), rec("t2", 6)]);
    expect(readdirSync("/proc/self/fd").length).toBe(open);
  });

  test("from what it had written itself: what it deleted since then is not put back", async () => {
    // Made of theirs, which has t4 and t1: the service deleted t4, and nothing was lost.
    await madeOfOurs([...three, rec("t4")], [...three, rec("t5")]);
    writeOld(path("s.json"), dump(three));
    await storeAt().edit(removing("t1"));
    expect(idsIn(path("s.json"))).toEqual(["t2", "t3", "t5"]);
  });

  test("right after it: what it brings back is removed again", async () => {
    await atExchange({ after: writing([three]) });
    writeFileSync(path("s.json"), dump(three));
    const outcome = await storeAt("s.json", new HastyClock()).edit(removing("t1"));
    expect(outcome).toEqual({ rewrites: 2, returned: [] });
    expect(idsIn(path("s.json"))).toEqual(["t2", "t3"]);
  });

  test("and our way back does not work: theirs takes its place by a rename", async () => {
    const theirs = [rec("t1"), rec("t2", 9), rec("t4")];
    await atExchange({ before: writing([theirs]), fails: (n) => (n === 2 ? "EIO" : undefined) });
    writeOld(path("s.json"), dump(three));
    await storeAt().edit(removing("t1"));
    expect(load(path("s.json"))).toEqual([rec("t2", 9), rec("t4")]);
    expect(existsSync(path(TEMPORARY))).toBe(false);
  });

  test("takes the file away: nothing is made of it", async () => {
    await atExchange({ before: (n) => n === 1 && rmSync(path("s.json")) });
    writeOld(path("s.json"), dump(three));
    expect((await storeAt().edit(removing("t1"))).rewrites).toBe(0);
    expect(namesIn(path())).toEqual([]);
  });

  test("how often that happened is in the debug log", async () => {
    await atExchange({ before: writing([[...three, rec("t4")]]) });
    writeOld(path("s.json"), dump(three));
    const lines: string[] = [];
    await storeAt("s.json", later(), { log: (line) => lines.push(line) }).edit(removing("t1"));
    expect(lines.map((line) => / (\d+) writes of others displaced/.exec(line)?.[1])).toEqual(["1", "0"]);
  });
});

describe("another file than the one that was read", () => {
  test("a symbolic link that is replaced by a file during the rewrite: that file is changed", async () => {
    mkdirSync(path("data"));
    writeOld(path("data/real.json"), dump(three));
    symlinkSync("data/real.json", path("s.json"));
    const plan = disturbed(removing("t1"), () => replaceStore(path("s.json"), [...three, rec("t4")]));
    await storeAt().edit(plan);
    expect([idsIn(path("s.json")), lstatSync(path("s.json")).isFile()]).toEqual([["t2", "t3", "t4"], true]);
    expect(readFileSync(path("data/real.json"), "utf8")).toBe(dump(three));
  });

  test("a temporary file that another process put there is not put into place", async () => {
    writeOld(path("s.json"), dump(three));
    const plan: PlanEdit = (current) => ({
      ...(removing("t1")(current) as Edit),
      upserts: {
        ...upsertsOf([taskOf(rec("t9"))]),
        read: async () => {
          rmSync(path(TEMPORARY));
          writeFileSync(path(TEMPORARY), "[{");
          return [taskOf(rec("t9"))];
        },
      },
    });
    await expect(storeAt().edit(plan)).rejects.toMatchObject({ code: "STORE_WRITE_FAILED" });
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(three));
  });
});

describe("beside a service that wrote within the last minute", () => {
  const watching = () => storeAt("s.json", systemClock);

  test("a removed record that comes back once is removed again", async () => {
    writeFileSync(path("s.json"), dump(three));
    const service = bringBack(path("s.json"), three, 1);
    const outcome = await watching().edit(removing("t1"));
    service.stop();
    expect([service.written, outcome]).toEqual([1, { rewrites: 2, returned: [] }]);
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(three.slice(1)));
  });

  test("one that always comes back is removed ten times more, and told as returned", async () => {
    writeFileSync(path("s.json"), dump(three));
    const service = bringBack(path("s.json"), three, Number.POSITIVE_INFINITY);
    const outcome = await watching().edit(removing("t1", "t3", "t9"));
    service.stop();
    const returned = ["t1", "t3"].map((taskId) => ({ userId: "alice", taskId }));
    expect(outcome).toEqual({ rewrites: 11, returned });
    expect(service.written).toBe(11);
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(three));
    expect(namesIn(path())).toEqual(["s.json"]);
  });

  test("what fails meanwhile says that the change was made", async () => {
    writeFileSync(path("s.json"), dump(three));
    const edit = watching().edit(removing("t1"));
    const isDone = () => readFileSync(path("s.json"), "utf8") === dump(three.slice(1));
    writeFileSync(path("broken"), "[{");
    const broken = until(isDone).then(() => renameSync(path("broken"), path("s.json")));
    await expect(edit).rejects.toMatchObject({
      code: "STORE_INVALID",
      message: expect.stringMatching(/s\.json line 1, byte 2: .*s\.json was rewritten before that$/),
    });
    await broken;
  });

  test("who waits for the run lock meanwhile is told what its holder does", async () => {
    writeFileSync(path("s.json"), dump(three));
    const store = watching();
    const lock = await store.lock("run");
    const service = bringBack(path("s.json"), three, Number.POSITIVE_INFINITY);
    const edit = store.edit(removing("t1"));
    await until(() => service.written > 1);
    await expect(takeLock(path("s.json"), "run", 0)).rejects.toMatchObject({
      code: "LOCK_TIMEOUT",
      message: expect.stringMatching(`^pid ${process.pid} .* makes its change again, which the service keeps undoing`),
    });
    await edit;
    service.stop();
    await expect(takeLock(path("s.json"), "run", 0)).rejects.toMatchObject({
      message: expect.not.stringContaining("undoing"),
    });
    await lock.release();
  });

  test("one that came back ten times and then no more is not returned", async () => {
    writeFileSync(path("s.json"), dump(three));
    const service = bringBack(path("s.json"), three, 10);
    const outcome = await watching().edit(removing("t1"));
    service.stop();
    expect(outcome).toEqual({ rewrites: 11, returned: [] });
    expect(idsIn(path("s.json"))).toEqual(["t2", "t3"]);
  });

  test("what it writes besides stays", async () => {
    writeFileSync(path("s.json"), dump(three));
    const theirs = [rec("t1"), rec("t2", 9), rec("t4")];
    const service = bringBack(path("s.json"), theirs, 1);
    expect((await watching().edit(removing("t1"))).rewrites).toBe(2);
    service.stop();
    expect(load(path("s.json"))).toEqual([rec("t2", 9), rec("t4")]);
  });

  test("a record that was put in and vanished is put in again", async () => {
    writeFileSync(path("s.json"), dump(three));
    const edit = watching().edit(async (current) => {
      const there = current.rowOf("alice", "t9") >= 0;
      return there ? { removed: new Set(), upserts: NO_UPSERTS } : putting(rec("t9"))(current);
    });
    await until(() => idsIn(path("s.json")).includes("t9"));
    replaceStore(path("s.json"), three);
    expect(await edit).toEqual({ rewrites: 2, returned: [] });
    expect(idsIn(path("s.json"))).toEqual(["t1", "t2", "t3", "t9"]);
  });

  test("a record that always vanishes is put in ten times more, and told as returned", async () => {
    writeFileSync(path("s.json"), dump(three));
    const service = watch(path(), () => {
      if (idsIn(path("s.json")).includes("t9")) replaceStore(path("s.json"), three);
    });
    const outcome = await watching().edit(async (current) => {
      const there = current.rowOf("alice", "t9") >= 0;
      return there ? { removed: new Set(), upserts: NO_UPSERTS } : putting(rec("t9"))(current);
    });
    service.close();
    expect(outcome).toEqual({ rewrites: 11, returned: [{ userId: "alice", taskId: "t9" }] });
  });

  test.each<[string, number, boolean]>([
    ["a second ago", 1, true],
    ["59 s ago", 59, true],
    ["61 s ago", 61, false],
    ["by a clock that is ahead of ours", -100, true],
  ])("it wrote %s: watched or not", async (_, ago, watched) => {
    writeFileSync(path("s.json"), dump(three));
    utimesSync(path("s.json"), 1_700_000_000, 1_700_000_000);
    const clock = new HastyClock(() => 1_700_000_000 + ago);
    await storeAt("s.json", clock).edit(removing("t1"));
    expect(clock.asked > 5).toBe(watched);
  });

  test("our own last write is not taken for the service's, another one is", async () => {
    writeOld(path("s.json"), dump(three));
    const clock = new HastyClock();
    await storeAt("s.json", clock).edit(removing("t1"));
    await storeAt("s.json", clock).edit(removing("t2"));
    expect(clock.asked).toBeLessThan(5);
    replaceStore(path("s.json"), three);
    await storeAt("s.json", clock).edit(removing("t3"));
    expect(clock.asked).toBeGreaterThan(10);
  });

  test("an own write between does not make it forget the service's: the watch goes on for the minute", async () => {
    writeFileSync(path("s.json"), dump(three));
    utimesSync(path("s.json"), 1_700_000_000, 1_700_000_000);
    let now = 1_700_000_001;
    const watched = async (task: string) => {
      const clock = new HastyClock(() => now);
      await storeAt("s.json", clock).edit(removing(task));
      return clock.asked > 5;
    };
    expect(await watched("t1")).toBe(true);
    now += 30;
    expect(await watched("t2")).toBe(true);
    now += 30;
    expect(await watched("t3")).toBe(false);
  });

  test("an interrupt ends the watch, not the rewrite", async () => {
    writeFileSync(path("s.json"), dump(three));
    const clock = new HastyClock();
    const outcome = await storeAt("s.json", clock, { signal: AbortSignal.abort() }).edit(removing("t1"));
    expect([outcome, idsIn(path("s.json"))]).toEqual([{ rewrites: 1, returned: [] }, ["t2", "t3"]]);
    expect(clock.asked).toBeLessThan(5);
  });
});

test("several processes that each remove their own tasks lose none of the others' work", async () => {
  const records = Array.from({ length: 60 }, (_, i) => rec(`t${i}`, 1, { text: "字".repeat(i * 50) }));
  writeOld(path("s.json"), dump(records));
  const ids = (child: number) =>
    records.filter((_, i) => i % 5 === child).map(({ task_id }) => ["alice", task_id] as [string, string]);
  const lines = await Promise.all(
    [0, 1, 2].map((child) => start({ do: "remove", path: path("s.json"), ids: ids(child) })),
  );
  expect(lines.map(({ line }) => line)).toEqual(["done", "done", "done"]);
  expect(readFileSync(path("s.json"), "utf8")).toBe(dump(records.filter((_, i) => i % 5 > 2)));
  expect(namesIn(path())).toEqual(["s.json"]);
});

test("errors are one line that names the file, with a hint", async () => {
  writeOld(path("s.json"), "[");
  const error = (await storeAt()
    .edit(removing("t1"))
    .catch((error: unknown) => error)) as TtsctlError;
  expect(error).toBeInstanceOf(TtsctlError);
  expect([error.message.includes(path("s.json")), error.message.includes("\n"), error.hint !== undefined]).toEqual([
    true,
    false,
    true,
  ]);
});
