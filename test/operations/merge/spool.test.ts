import { readdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { spooled } from "../../../src/operations/merge/spool.ts";
import type { Snapshot } from "../../../src/store/file/snapshot.ts";
import { useFolder } from "../../helpers/files.ts";
import { RULES, record } from "../../helpers/records.ts";

const path = useFolder();

async function read(records: readonly string[], use: (snapshot: Snapshot) => Promise<void> | void): Promise<void> {
  await using snapshot = await spooled(path("s.json"), RULES, async (add) => {
    expect(readdirSync(path())).toEqual([]);
    for (const json of records) await add(json);
  });
  await use(snapshot);
}

test("records are read back unchanged, and no file is left", async () => {
  const records = Array.from(
    { length: 500 },
    (_, i) => `{"user_id":"a","task_id":"${i}","updated_at":1.0,"t":"${"文".repeat(i)}"}`,
  );
  await read(records, async (snapshot) => {
    const tasks = await snapshot.readTasks([...snapshot.liveRows()]);
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

test("the next process removes a killed one's file, however many open one at once", async () => {
  writeFileSync(path(".s.json.spool"), "left");
  const all = await Promise.all(
    Array.from({ length: 16 }, (_, i) =>
      spooled(path("s.json"), RULES, (add) => add(JSON.stringify(record("a", `t${i}`)))),
    ),
  );
  for (const [i, snapshot] of all.entries()) {
    expect(await snapshot.readTasks([0])).toMatchObject([{ taskId: `t${i}` }]);
    await snapshot.close();
  }
  expect(readdirSync(path())).toEqual([]);
});

test("a folder that cannot be written to is named", async () => {
  writeFileSync(path("file"), "");
  await expect(spooled(path("file/s.json"), RULES, async () => {})).rejects.toMatchObject({
    code: "SPOOL_FAILED",
    message: expect.stringContaining("ENOTDIR"),
  });
});
