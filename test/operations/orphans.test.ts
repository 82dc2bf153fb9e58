import { mkdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { hookedArtifacts } from "../helpers/doubles.ts";
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

describe("cleanup --orphans", () => {
  it("lists directories and logs without a record, and removes them on request", async () => {
    const { site } = here;
    await fill(ids("a", "gone"), ids("b", "t1"));
    const before = site.root.tree();
    const plan = await site.cleanUpOrphans({ dryRun: true });
    expect(plan).toMatchObject({
      found: 6,
      folders: 2,
      logs: 2,
      young: 0,
      unknown: 0,
      removed: 0,
      files: 4,
      bytes: 220,
    });
    const listed = [...site.orphans].sort();
    expect(listed).toEqual([
      ...["Logs/20200101/08/gone.log", "Logs/20200101/08/t1.log"],
      ...["output/a/gone", "output/b/t1"],
    ]);
    expect(site.root.tree()).toEqual(before);
    const { removed, files, bytes } = await site.cleanUpOrphans();
    expect([removed, files, bytes, [...site.orphans].sort()]).toEqual([4, 4, 220, listed]);
    expect(site.root.has("output/b")).toBe(false);
    expect(site.root.has("output/a/owned/owned.wav")).toBe(true);
    expect(site.root.has("Logs/20200101/08/owned.log")).toBe(true);
    expect(site.root.has("output/.ttsctl-purge")).toBe(false);
  });

  it("trims the names of keys in Redis, like ids", async () => {
    const { site } = here;
    await fill(ids("b", "padded"));
    await site.server.call("HSET", "tts:task:b : padded", "payload", "{}");
    expect(await site.cleanUpOrphans({ dryRun: true })).toMatchObject({ folders: 0, logs: 0 });
  });

  it("keeps artifacts of any record: only in Redis, without an index member, invalid, with one id, of another user", async () => {
    const { site } = here;
    await site.writeRedis(record("a", "redis"), record("a", "unindexed"));
    await site.server.call("ZREM", "tts:tasks:index", "a:unindexed");
    site.root.writeStore([
      ...[record("a", "owned"), { user_id: "a", task_id: "invalid" }, { user_id: "half", task_id: 5 }],
      ...[{ task_id: "userless" }, record("c", "shared"), record(" d ", "spaced")],
    ]);
    const owned = [
      ids("a", "redis"),
      ids("a", "unindexed"),
      ids("a", "invalid"),
      ids("half", "5"),
      ids("e", "userless"),
    ];
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

  it("keeps artifacts younger than the retention, by the newest file in a directory", async () => {
    const { site } = here;
    await fill(ids("a", "young"), ids("a", "old"));
    const hour = Date.now() / 1000 - 3600;
    site.root.write("output/a/young/deep/new.wav", "x", hour);
    site.root.write("Logs/20200101/08/young.log", "x", hour);
    expect(await site.cleanUpOrphans()).toMatchObject({ folders: 1, logs: 1, young: 2, removed: 2 });
    expect(site.root.has("output/a/young/young.wav")).toBe(true);
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

  it("puts back a directory that is written to during the move, even if the service recreated the user's", async () => {
    const { site } = here;
    await fill(ids("b", "written"), ids("c", "gone"));
    site.wrapArtifacts = (real) =>
      hookedArtifacts(real, {
        before: (task) => void (task === "written" && site.root.write("output/b/written/new.wav", "x")),
        after: (task) => void (task === "gone" && mkdirSync(site.root.at("output/c/next"), { recursive: true })),
      });
    const result = await site.cleanUpOrphans();
    expect(result).toMatchObject({ removed: 3, skipped: 1 });
    expect(site.root.has("output/b/written/written.wav") && site.root.has("output/b/written/new.wav")).toBe(true);
    expect(site.root.has("output/c/next")).toBe(true);
  });

  it("stops at the brake: a part of all artifacts found", async () => {
    const { site } = here;
    await fill(ids("a", "t1"), ids("b", "t2"));
    const before = site.root.tree();
    const braked = site.cleanUpOrphans({ maxDelete: { percent: 50 } });
    await expect(braked).rejects.toMatchObject({ code: "MAX_DELETE_EXCEEDED", message: /^4 artifacts .*50% of 6/ });
    expect(site.root.tree()).toEqual(before);
    expect(await site.cleanUpOrphans({ maxDelete: { percent: 70 } })).toMatchObject({ removed: 4 });
  });

  it("refuses if the clock is off, or if Redis fails before it was read completely", async () => {
    const { site } = here;
    await fill(ids("a", "t1"));
    site.clock.shift = 30 * 86_400;
    await expect(site.cleanUpOrphans()).rejects.toMatchObject({ code: "CLOCK_SKEW" });
    site.clock.shift = 0;
    site.flaky.goDown((method) => method === "walkKeys");
    await expect(site.cleanUpOrphans()).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    expect(site.root.has("output/a/t1/t1.wav")).toBe(true);
  });
});
