import { mkdirSync } from "node:fs";
import { expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { LONG_AGO } from "../helpers/root.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const ids = (user_id: string, task_id: string) => ({ user_id, task_id });

/** A task with a record in both stores, and the artifacts of some that have none. */
async function fill(...orphans: { user_id: string; task_id: string }[]) {
  const { site } = here;
  await site.writeBoth(record("a", "owned"));
  site.root.writeArtifacts([ids("a", "owned"), ...orphans]);
}

it("keeps artifacts of any record: only in Redis, without an index member, invalid, with one id, of another user", async () => {
  const { site } = here;
  await site.writeRedis(record("a", "redis"), record("a", "unindexed"));
  await site.server.call("ZREM", "tts:tasks:index", "a:unindexed");
  site.root.writeStore([
    ...[record("a", "owned"), { user_id: "a", task_id: "invalid" }, { user_id: "half", task_id: 5 }],
    ...[{ task_id: "userless" }, record("c", "shared"), record(" d ", "spaced")],
  ]);
  const owned = [ids("a", "redis"), ids("a", "unindexed"), ids("a", "invalid"), ids("half", "5"), ids("e", "userless")];
  site.root.writeArtifacts([...owned, ids("c", "shared"), ids(" d ", "spaced"), ids("b", "shared")]);
  site.root.drop("Logs/20200101/08/5.log");
  const result = await site.cleanUpOrphans();
  expect(site.orphans).toEqual(["output/b/shared"]);
  expect(result).toMatchObject({ folders: 1, logs: 0, removed: 1 });
  expect(site.root.has("Logs/20200101/08/shared.log")).toBe(true);
});

it("keeps a directory that was just made, however old what is in it", async () => {
  const { site } = here;
  await fill();
  site.root.write("output/a/made/old.wav", "x", LONG_AGO);
  mkdirSync(site.root.at("output/a/made"), { recursive: true });
  mkdirSync(site.root.at("output/a/empty"));
  expect(await site.cleanUpOrphans()).toMatchObject({ folders: 0, young: 2, removed: 0 });
});

it("keeps the directory of a task that the service creates during the run, in the file or in Redis", async () => {
  const { site } = here;
  await fill(ids("a", "t1"), ids("a", "t2"), ids("a", "t3"));
  site.flaky.onCall(async (method) => {
    if (method !== "copies") return;
    site.flaky.onCall(() => {});
    site.root.writeStore([...site.root.readStore(), record("a", "t1", { status: "queued", updated_at: ago(0) })]);
    await site.writeRedis(record("a", "t2", { status: "queued", updated_at: ago(0) }));
  });
  const result = await site.cleanUpOrphans();
  expect(result).toMatchObject({ removed: 2, skipped: 4, failed: 0 });
  expect(site.orphans.sort()).toEqual(["Logs/20200101/08/t3.log", "output/a/t3"]);
  expect(site.root.has("output/a/t1/t1.wav") && site.root.has("Logs/20200101/08/t2.log")).toBe(true);
});

it("keeps the directory of a task for which the last look at Redis fails", async () => {
  const { site } = here;
  await fill(ids("b", "t1"));
  site.flaky.onCall(async (method) => {
    if (method === "copies") await site.server.call("SET", "tts:user:b:index", "not an index");
  });
  expect(await site.cleanUpOrphans()).toMatchObject({ skipped: 1 });
  expect(site.root.has("output/b/t1/t1.wav")).toBe(true);
});

it("keeps artifacts younger than the retention, by the newest file in a directory", async () => {
  const { site } = here;
  await fill(ids("a", "young"), ids("a", "old"));
  const hour = Date.now() / 1000 - 3600;
  site.root.write("output/a/young/deep/new.wav", "x", hour);
  site.root.write("Logs/20200101/08/young.log", "x", hour);
  expect(await site.cleanUpOrphans()).toMatchObject({ folders: 1, logs: 1, young: 2, removed: 2 });
  expect(site.root.has("output/a/young/young.wav")).toBe(true);
});
