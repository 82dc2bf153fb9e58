import { describe, expect, it } from "vitest";
import { NO_FILTER, ofUser } from "../../src/task/query-fields.ts";
import { hookedArtifacts } from "../helpers/doubles.ts";
import { ago, record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const of = (userId: string, statuses: string[] = []) => ({ ...ofUser(userId), statuses: new Set(statuses) });
const ofA = (...wanted: string[]) => wanted.map((taskId) => ({ userId: "a", taskId }));
const ids = (...wanted: string[]) => ({ filter: of("a"), ids: ofA(...wanted) });

describe("delete by ids", () => {
  it("deletes them from both stores with their artifacts, and reports missing ones", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2", { updated_at: ago(5) }), record("b", "t1"));
    await site.writeRedis(record("a", "redis"));
    site.root.writeArtifacts([record("a", "t2"), record("a", "redis"), record("b", "t1")]);
    const { result, problem } = await site.delete(ids("t2", "none", "redis"));
    expect(problem).toBeNull();
    expect(result).toEqual({
      ...{ requested: 3, deleted: 2, missing: ["none"], refused: [], failed: 0, returned: 0 },
      ...{ files: 4, bytes: 220, dryRun: false },
    });
    expect(site.asked).toEqual([2]);
    expect(site.root.readStore()).toEqual([record("a", "t1"), record("b", "t1")]);
    expect(await site.server.call("EXISTS", "tts:task:a:t2", "tts:task:a:redis")).toBe(0);
    expect((await site.server.zset("tts:tasks:index")).map(([member]) => member)).toEqual(["a:t1", "b:t1"]);
    expect(site.root.has("output/b/t1/t1.wav")).toBe(true);
    expect(site.root.has("output/a/t2")).toBe(false);
  });

  it("takes audio and logs of a task along that only Redis has, and no index", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"));
    await site.writeRedis(record("a", "redis"));
    for (const [index, member] of [
      ["tts:tasks:index", "a:redis"],
      ["tts:user:a:index", "redis"],
    ])
      await site.server.call("ZREM", index!, member!);
    site.root.writeArtifacts([record("a", "redis")]);
    expect((await site.delete(ids("redis"))).result).toMatchObject({ deleted: 1, files: 2 });
    expect(await site.server.call("EXISTS", "tts:task:a:redis")).toBe(0);
    expect(site.root.has("output/a/redis")).toBe(false);
  });

  it("refuses tasks that wait or run in any copy, without force", async () => {
    const { site } = here;
    await site.writeRedis(record("a", "requeued", { status: "queued", updated_at: ago(5) }));
    site.root.writeStore([record("a", "requeued"), record("a", "run", { status: "running" })]);
    const [tree, dump] = [site.root.tree(), await site.server.dump()];
    const { result } = await site.delete(ids("requeued", "run"));
    expect(result).toMatchObject({ requested: 2, deleted: 0, missing: [] });
    expect(result.refused.map(({ task_id }) => task_id).sort()).toEqual(["requeued", "run"]);
    expect(result.refused[0]!.reason).toMatch(/may still be worked on$/);
    expect([site.root.tree(), await site.server.dump()]).toEqual([tree, dump]);
    expect(site.asked).toEqual([]);
    const forced = await site.delete(ids("requeued", "run"), { force: true });
    expect(forced.result).toMatchObject({ deleted: 2, refused: [] });
    expect(site.root.storeText()).toBe("[]");
    expect(await site.server.call("DBSIZE")).toBe(0);
  });

  it("refuses a task with an invalid record", async () => {
    const { site } = here;
    site.root.writeStore([{ user_id: "a", task_id: "t1", status: "done" }, record("a", "t2")]);
    const { result } = await site.delete(ids("t1", "t2"), { force: true });
    expect(result).toMatchObject({ deleted: 1, refused: [{ user_id: "a", task_id: "t1" }] });
    expect(site.root.readStore()).toHaveLength(1);
  });

  it("applies the filter to the copy of the file, else to that of Redis", async () => {
    const { site } = here;
    await site.writeRedis(record("a", "t1"), record("a", "redis", { status: "failed" }), record("a", "redis2"));
    site.root.writeStore([record("a", "t1", { status: "failed" }), record("a", "t2")]);
    const selection = { filter: of("a", ["error"]), ids: ofA("t1", "t2", "redis", "redis2", "none") };
    const { result } = await site.delete(selection);
    expect(result).toMatchObject({ requested: 3, deleted: 2, missing: ["none"] });
    expect(site.purgedNames()).toEqual(["a:redis", "a:t1"]);
  });

  it("removes a dangling member that is named", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"));
    await site.server.call("ZADD", "tts:tasks:index", 5, "a:ghost");
    expect((await site.delete(ids("ghost"))).result).toMatchObject({ deleted: 1, missing: [] });
    expect(await site.server.call("ZSCORE", "tts:tasks:index", "a:ghost")).toBeNull();
  });

  it("names failures, and does the rest", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    await site.server.call("DEL", "tts:task:a:t1");
    await site.server.call("SET", "tts:task:a:t1", "a string");
    expect((await site.delete(ids("t1", "t2"))).result).toMatchObject({ deleted: 1, failed: 1, missing: [] });
    expect(site.root.readStore()).toEqual([record("a", "t1")]);
    expect(site.reporter.warnings.filter((line) => line.includes("a:t1"))).toHaveLength(1);
  });
});

describe("delete by filter", () => {
  it("looks in both stores", async () => {
    const { site } = here;
    await site.writeBoth(
      record("a", "t1", { status: "failed" }),
      record("a", "t2"),
      record("b", "t3", { status: "failed" }),
    );
    await site.writeRedis(record("a", "redis", { status: "failed" }), record("b", "redis", { status: "failed" }));
    const { result } = await site.delete({ filter: of("a", ["error"]) });
    expect(result).toMatchObject({ requested: 2, deleted: 2, missing: [] });
    expect(site.purgedNames()).toEqual(["a:redis", "a:t1"]);
    expect((await site.server.zset("tts:tasks:index")).map(([member]) => member)).toEqual(["a:t2", "b:redis", "b:t3"]);
  });

  it("keeps a task that only its older copy, of either store, would choose, and says so", async () => {
    const { site } = here;
    const failed = { status: "failed", updated_at: "2020-01-01T00:00:00" };
    const later = { status: "succeeded", updated_at: "2021-01-01T00:00:00" };
    await site.writeRedis(
      record("a", "ahead", later),
      record("a", "behind", failed),
      record("a", "newly", { ...later, status: "failed" }),
    );
    site.root.writeStore([record("a", "ahead", failed), record("a", "behind", later), record("a", "newly", failed)]);
    const before = [site.root.tree(), await site.server.dump()];
    const { result } = await site.delete({ filter: { ...of("a", ["error"]), until: 1_600_000_000 } });
    expect(result).toMatchObject({ requested: 3, deleted: 0, failed: 0 });
    const reasons = Object.fromEntries(result.refused.map(({ task_id, reason }) => [task_id, reason]));
    expect(reasons.ahead).toContain("the one that counts, in Redis, is done");
    expect(reasons.behind).toContain("the one that counts, in the file, is done");
    expect(reasons.newly).toContain("in Redis"); // an error too, but not before that time
    expect([site.root.tree(), await site.server.dump()]).toEqual(before);
    expect(site.asked).toEqual([]);
    const all = await site.delete({ filter: of("a", ["error"]) });
    expect(all.result).toMatchObject({ requested: 3, deleted: 1 });
    expect(site.purgedNames()).toEqual(["a:newly"]);
  });

  it("takes since and until of updated_at", async () => {
    const { site } = here;
    const at = (second: number) => ({ updated_at: `2024-01-01T00:00:0${second}` });
    await site.writeBoth(record("a", "t1", at(1)), record("a", "t2", at(2)), record("a", "t3", at(3)));
    await site.writeRedis(record("a", "r2", at(2)), record("a", "r3", at(3)));
    const { result } = await site.delete({ filter: { ...NO_FILTER, since: 1_704_067_202, until: 1_704_067_203 } });
    expect(result).toMatchObject({ requested: 2, deleted: 2 });
    expect(site.purgedNames()).toEqual(["a:r2", "a:t2"]);
  });

  it("of all tasks keeps those that may still be worked on", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("b", "t2", { status: "running" }));
    await site.server.call("ZADD", "tts:tasks:index", 5, "c:ghost");
    const { result } = await site.delete({});
    expect(result).toMatchObject({ requested: 3, deleted: 2, refused: [{ task_id: "t2" }] });
    expect(site.root.readStore()).toHaveLength(1);
    expect((await site.server.zset("tts:tasks:index")).map(([member]) => member)).toEqual(["b:t2"]);
  });
});

describe("delete is careful", () => {
  it("works on the file if Redis is down, and owes Redis the deletion until the next sync", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    site.flaky.goDown((method) => method === "copies");
    const { result, problem } = await site.delete(ids("t1"));
    expect(problem).toMatchObject({ code: "REDIS_UNAVAILABLE" });
    expect(result).toMatchObject({ deleted: 1, failed: 0 });
    expect(site.root.readStore()).toEqual([record("a", "t2")]);
    expect(await site.file.owed.read()).toMatchObject([{ id: { userId: "a", taskId: "t1" } }]);
    site.flaky.comeBack();
    await site.sync();
    expect(await site.server.call("EXISTS", "tts:task:a:t1")).toBe(0);
    expect(await site.file.owed.isThere()).toBe(false);
  });

  it("keeps a task that the service starts during the run", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    site.root.writeArtifacts([record("a", "t1")]);
    const running = record("a", "t1", { status: "running", updated_at: ago(0) });
    const writes: Promise<void>[] = [];
    const before = () => {
      writes.push(site.serviceWrites(running));
      site.root.write("output/a/t1/new.wav", "new", Date.now() / 1000);
    };
    site.wrapArtifacts = (real) => hookedArtifacts(real, { before });
    const { result } = await site.delete(ids("t1"));
    await Promise.all(writes);
    expect(result).toMatchObject({ deleted: 0, refused: [{ task_id: "t1" }] });
    expect(site.root.readStore()).toContainEqual(running);
    expect((await site.server.hash("tts:task:a:t1")).status).toBe("running");
    expect(site.root.has("output/a/t1/t1.wav")).toBe(true);
  });
});
