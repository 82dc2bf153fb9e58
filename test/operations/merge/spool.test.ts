import { readdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Spool } from "../../../src/operations/merge/spool.ts";
import type { Snapshot } from "../../../src/store/file/snapshot.ts";
import { useFolder } from "../../helpers/files.ts";
import { RULES, record } from "../../helpers/records.ts";

const path = useFolder();

async function read(records: readonly string[], use: (spooled: Snapshot) => Promise<void> | void): Promise<void> {
  const spool = await Spool.open(path("s.json"));
  expect(readdirSync(path())).toEqual([]);
  for (const json of records) await spool.add(json);
  const spooled = await spool.read(RULES);
  await use(spooled);
  await spooled.close();
}

test("what was added is read as it was, and leaves no file", async () => {
  const records = Array.from(
    { length: 500 },
    (_, i) => `{"user_id":"a","task_id":"${i}","updated_at":1.0,"t":"${"文".repeat(i)}"}`,
  );
  await read(records, async (spooled) => {
    const tasks = await spooled.readTasks([...spooled.liveRows()]);
    expect(tasks.map(({ json }) => json)).toEqual(records);
  });
  expect(readdirSync(path())).toEqual([]);
});

test("a record that says deleted is a record", async () => {
  await read([JSON.stringify(record("a", "1", { deleted: true }))], ({ size, rows }) => {
    expect([size, [...rows.looksDeleted]]).toEqual([1, [0]]);
  });
});

test("nothing at all is an empty store", async () => {
  await read([], ({ size }) => expect(size).toBe(0));
});

test("what a killed process left under its name is gone after the next, however many open one at once", async () => {
  writeFileSync(path(".s.json.spool"), "left");
  const spools = await Promise.all(Array.from({ length: 16 }, () => Spool.open(path("s.json"))));
  await Promise.all(spools.map((spool, i) => spool.add(JSON.stringify(record("a", `t${i}`)))));
  for (const [i, spool] of spools.entries()) {
    const spooled = await spool.read(RULES);
    expect(await spooled.readTasks([0])).toMatchObject([{ taskId: `t${i}` }]);
    await spooled.close();
  }
  expect(readdirSync(path())).toEqual([]);
});

test("a folder that cannot be written to is named", async () => {
  writeFileSync(path("file"), "");
  await expect(Spool.open(path("file/s.json"))).rejects.toMatchObject({
    code: "SPOOL_FAILED",
    message: expect.stringContaining("ENOTDIR"),
  });
});
