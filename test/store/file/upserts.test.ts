import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { FileStore } from "../../../src/store/file/file-store.ts";
import type { Snapshot } from "../../../src/store/file/snapshot.ts";
import { chosenFrom, type Upserts, upsertsFrom, upsertsOf } from "../../../src/store/file/upserts.ts";
import { useFolder, writeOld } from "../../helpers/files.ts";
import { RULES, taskOf } from "../../helpers/records.ts";
import { withSnapshot } from "./read-store.ts";
import { type Rec, rec } from "./service.ts";

const path = useFolder();
const store = () => new FileStore(path("s.json"), RULES, systemClock);

/** The records of a spool, with how many were read at once at most, and how many in all. */
function counted(upserts: Upserts): Upserts & { most: number; all: number } {
  const counting = Object.assign({ ...upserts, most: 0, all: 0 });
  counting.read = (numbers: readonly number[]) => {
    counting.most = Math.max(counting.most, numbers.length);
    counting.all += numbers.length;
    return upserts.read(numbers);
  };
  return counting;
}

const recordsTo = (count: number, updated: number, step = 1) =>
  Array.from({ length: count }, (_, i) => rec(`t${i * step}`, updated, { text: `第 ${i}` }));

const jsonl = (records: readonly Rec[]) => records.map((record) => `${JSON.stringify(record)}\n`).join("");
const live = (spool: Snapshot) => Int32Array.from(spool.liveRows());

describe("records that lie in a spool", () => {
  const before = recordsTo(700, 1);
  const put = recordsTo(800, 2, 2); // the even ones: half of them replace a record, the rest is new

  test.each([
    ["an array", JSON.stringify(before, null, 2)],
    ["a map", JSON.stringify(Object.fromEntries(before.map((record) => [`alice:${record.task_id}`, record])))],
    ["JSON Lines", jsonl(before)],
  ])("go into %s as those of a list do, some at a time", async (_, content) => {
    writeOld(path("spool"), jsonl(put));
    writeOld(path("s.json"), content);
    await store().edit(() => ({ removed: new Set([0, 3]), upserts: upsertsOf(put.map(taskOf)) }));
    const expected = readFileSync(path("s.json"), "utf8");
    writeOld(path("s.json"), content);
    await withSnapshot(path("spool"), async (spool) => {
      const upserts = counted(upsertsFrom(spool, live(spool)));
      await store().edit(() => ({ removed: new Set([0, 3]), upserts }));
      expect(readFileSync(path("s.json"), "utf8") === expected).toBe(true);
      expect([upserts.all, upserts.most]).toEqual([800, 250]);
    });
  });

  test("go into a file that was not there", async () => {
    writeOld(path("spool"), jsonl(put));
    await withSnapshot(path("spool"), async (spool) => {
      await store().edit(() => ({ removed: new Set(), upserts: upsertsFrom(spool, live(spool)) }));
    });
    expect(readFileSync(path("s.json"), "utf8")).toBe(JSON.stringify(put, null, 2));
  });

  test("are read again if the file changed in between", async () => {
    writeOld(path("spool"), jsonl(put));
    writeOld(path("s.json"), JSON.stringify(before, null, 2));
    let moved = false;
    await withSnapshot(path("spool"), async (spool) => {
      const upserts = counted(upsertsFrom(spool, live(spool)));
      const read = upserts.read;
      upserts.read = (numbers) => {
        if (!moved) writeOld(path("s.json"), JSON.stringify([rec("other", 9), ...before], null, 2));
        moved = true;
        return read(numbers);
      };
      await store().edit(() => ({ removed: new Set(), upserts }));
      expect(upserts.all).toBe(1600);
    });
    const after = JSON.parse(readFileSync(path("s.json"), "utf8")) as Rec[];
    const replaced = before.map((record) => put.find(({ task_id }) => task_id === record.task_id) ?? record);
    expect(after).toEqual([rec("other", 9), ...replaced, ...put.slice(350)]);
  });

  test("are numbered by their rows, without superseded lines and other rows", async () => {
    writeOld(path("spool"), jsonl([rec("a"), rec("b"), rec("a", 5), rec("c")]));
    await withSnapshot(path("spool"), async (spool) => {
      const rows = live(spool).subarray(0, 2);
      const upserts = upsertsFrom(spool, rows);
      expect([upserts.size, upserts.id(0).taskId]).toEqual([2, "b"]);
      expect([upserts.id(1), (await upserts.read([1]))[0]!.score]).toEqual([{ userId: "alice", taskId: "a" }, 5]);
    });
  });
});

describe("some of the records", () => {
  const chosen = chosenFrom(upsertsOf(["a", "b", "c", "d"].map((task) => taskOf(rec(task)))), [1, 3]);

  test("are numbered from 0", async () => {
    expect([chosen.size, chosen.id(0).taskId, chosen.id(1).taskId]).toEqual([2, "b", "d"]);
    expect((await chosen.read([1, 0])).map(({ taskId }) => taskId)).toEqual(["d", "b"]);
  });
});
