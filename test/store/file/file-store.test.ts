import { lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { PlanEdit } from "../../../src/store/file/changes.ts";
import { type Edit, putsOf } from "../../../src/store/file/changes.ts";
import { namesIn, writeOld } from "../../helpers/files.ts";
import { taskOf } from "../../helpers/records.ts";
import { disturbed, removing, TEMPORARY, three, useStoreFile } from "./editing.ts";
import { dump, idsIn, rec, replaceStore } from "./service.ts";

const { path, storeAt } = useStoreFile();

test("a rewrite copies kept parts of any size around removed ones", async () => {
  const records = Array.from({ length: 150 }, (_, i) => rec(`t${i}`, 1, { text: `${i} 文`.repeat(3000 + 97 * i) }));
  records[70] = rec("t70", 1, { text: "长".repeat(700_000) });
  writeOld(path("s.json"), dump(records));
  const gone = records.filter((_, i) => i % 3 === 1).map((record) => record.task_id);
  const put = rec("t30", 2, { text: "x".repeat(3 << 20) });
  await storeAt().apply(async (current) => ({
    ...(await removing(...gone)(current, "")),
    puts: putsOf([taskOf(put)]),
  }));
  const expected = records.map((record) => (record.task_id === "t30" ? put : record)).filter((_, i) => i % 3 !== 1);
  expect(readFileSync(path("s.json"), "utf8") === dump(expected)).toBe(true);
});

test.each([
  ["relative", "data/real.json"],
  ["through another link", "other"],
])("a symbolic link to the store, %s, is followed, not replaced", async (_, to) => {
  mkdirSync(path("data"));
  writeOld(path("data/real.json"), dump(three));
  symlinkSync("data/real.json", path("other"));
  symlinkSync(to, path("s.json"));
  await storeAt().apply(removing("t1"));
  expect([readlinkSync(path("s.json")), lstatSync(path("data/real.json")).isFile()]).toEqual([to, true]);
  expect(idsIn(path("data/real.json"))).toEqual(["t2", "t3"]);
  expect([namesIn(path()), namesIn(path("data"))]).toEqual([["data", "other", "s.json"], ["real.json"]]);
});

describe("another file than the one that was read", () => {
  test("a symbolic link that is replaced by a file during the rewrite: that file is changed", async () => {
    mkdirSync(path("data"));
    writeOld(path("data/real.json"), dump(three));
    symlinkSync("data/real.json", path("s.json"));
    const plan = disturbed(removing("t1"), () => replaceStore(path("s.json"), [...three, rec("t4")]));
    await storeAt().apply(plan);
    expect([idsIn(path("s.json")), lstatSync(path("s.json")).isFile()]).toEqual([["t2", "t3", "t4"], true]);
    expect(readFileSync(path("data/real.json"), "utf8")).toBe(dump(three));
  });

  test("a temporary file of another process isn't renamed", async () => {
    writeOld(path("s.json"), dump(three));
    const plan: PlanEdit = (current) => ({
      ...(removing("t1")(current, "") as Edit),
      puts: {
        ...putsOf([taskOf(rec("t9"))]),
        read: async () => {
          rmSync(path(TEMPORARY));
          writeFileSync(path(TEMPORARY), "[{");
          return [taskOf(rec("t9"))];
        },
      },
    });
    await expect(storeAt().apply(plan)).rejects.toMatchObject({ code: "STORE_WRITE_FAILED" });
    expect(readFileSync(path("s.json"), "utf8")).toBe(dump(three));
  });
});
