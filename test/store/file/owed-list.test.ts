import { mkdirSync } from "node:fs";
import { expect, it } from "vitest";
import { owedList } from "../../../src/store/file/owed-list.ts";
import { TestClock } from "../../helpers/clock.ts";
import { namesIn, useFolder } from "../../helpers/files.ts";

const path = useFolder();
const list = () => owedList(async () => path("s.json"), new TestClock());
const owed = (taskId: string, before: number) => ({ id: { userId: "alice", taskId }, before });

it("keeps a later deletion of a task that was added since the list was read", async () => {
  await list().add([owed("t1", 5), owed("t2", 5)]);
  const read = await list().read();
  await list().add([owed("t1", 10)]);
  await list().settle(read);
  expect(await list().read()).toEqual([owed("t1", 10)]);
  expect(await list().isThere()).toBe(true);
  await list().settle([owed("t1", 10)]);
  expect([
    await list().isThere(),
    namesIn(path()).filter((name) => name.includes("owed") && !name.endsWith(".lock")),
  ]).toEqual([false, []]);
});

it("names the file if it can't be removed", async () => {
  await list().add([owed("t1", 5)]);
  const read = await list().read();
  mkdirSync(path(".s.json.ttsctl-owed.tmp"));
  await list().add([owed("t2", 5)]);
  await expect(list().settle(read)).rejects.toMatchObject({ code: "STORE_WRITE_FAILED" });
});
