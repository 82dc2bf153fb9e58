import { beforeEach, describe, expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import { ids, of, ofA, useSite } from "./setup.ts";

const here = useSite();

it("delete by ids applies the filter to the copy of the file, else to that of Redis", async () => {
  const { site } = here;
  await site.writeRedis(record("a", "t1"), record("a", "redis", { status: "failed" }), record("a", "redis2"));
  site.root.writeStore([record("a", "t1", { status: "failed" }), record("a", "t2")]);
  const selection = { filter: of("a", ["error"]), ids: ofA("t1", "t2", "redis", "redis2", "none") };
  const { result } = await site.delete(selection);
  expect(result).toMatchObject({ requested: 3, deleted: 2, missing: ["none"] });
  expect(site.purgedNames()).toEqual(["a:redis", "a:t1"]);
});

it("delete by filter keeps a task that only its older copy, of either store, would choose, and names it", async () => {
  const { site } = here;
  const failed = { status: "failed", updated_at: "2020-01-01T00:00:00" };
  const later = { status: "succeeded", updated_at: "2021-01-01T00:00:00" };
  const newly = record("a", "newly", { ...later, status: "failed" });
  await site.writeRedis(record("a", "ahead", later), record("a", "behind", failed), newly);
  site.root.writeStore([record("a", "ahead", failed), record("a", "behind", later), record("a", "newly", failed)]);
  const before = [site.root.tree(), await site.server.dump()];
  const { result } = await site.delete({ filter: { ...of("a", ["error"]), until: 1_600_000_000 } });
  expect(result).toMatchObject({ requested: 3, deleted: 0, failed: 0 });
  expect(result.refused.map(({ task_id }) => task_id).sort()).toEqual(["ahead", "behind", "newly"]);
  expect([site.root.tree(), await site.server.dump()]).toEqual(before);
  expect((await site.delete({ filter: of("a", ["error"]) })).result).toMatchObject({ requested: 3, deleted: 1 });
  expect(site.purgedNames()).toEqual(["a:newly"]);
});

it.each([
  ["an index that was lost", ["DEL", "tts:tasks:index"]],
  ["an index that lacks them", ["ZREM", "tts:tasks:index", "b:old", "b:failed", "b:young"]],
] as const)("delete by filter finds Redis-only tasks of %s", async (_, [command, ...args]) => {
  const { site } = here;
  const young = record("b", "young", { updated_at: "2021-01-01T00:00:00" });
  await site.writeBoth(record("a", "t1"));
  await site.writeRedis(record("b", "old"), record("b", "failed", { status: "failed" }), young);
  await site.server.call(command, ...args);
  const done = { ...of("b", ["done"]), until: 1_600_000_000 };
  expect((await site.delete({ filter: done })).result).toMatchObject({ requested: 1, deleted: 1 });
  expect(site.purgedNames()).toEqual(["b:old"]);
  expect((await site.delete({ filter: of("b") })).result).toMatchObject({ requested: 2, deleted: 2 });
});

it("delete by filter counts tasks that only a hash shows among all, and fails for a key of another type", async () => {
  const { site } = here;
  await site.writeBoth(record("a", "t1"));
  await site.writeRedis(record("b", "t1"), record("b", "t2"), record("b", "t3"));
  await site.server.call("ZREM", "tts:tasks:index", "b:t1", "b:t2", "b:t3");
  await site.server.call("SET", "tts:task:b:bad", "a string");
  await site.server.call("ZADD", "tts:tasks:index", 1, "b:bad");
  const dry = await site.delete({ filter: of("b") }, { dryRun: true, maxDelete: { percent: 60 } });
  expect(dry.result).toMatchObject({ requested: 4, deleted: 3, failed: 1 });
  await expect(site.delete({ filter: of("b") }, { maxDelete: { percent: 59 } })).rejects.toThrow("59% of 5");
});

describe.each([["filter"], ["ids"]])("by a field of the record, with %s", (how) => {
  const engine = (taskId: string, name: string, updated_at: string) =>
    record("a", taskId, { engine: name, updated_at });
  const [old, late] = ["2020-01-01T00:00:00", "2021-01-01T00:00:00"];
  const [ahead, behind, redis, both] = ["ahead", "behind", "redis", "both"];
  const filter = { ...of("a"), fields: new Map([["engine", new Set(["x"])]]) };
  const selection = { filter, ids: how === "ids" ? ofA(ahead, behind, redis, both, "other") : null };
  beforeEach(async () => {
    const inRedis = [engine(ahead, "y", late), engine(behind, "y", old), engine(redis, "x", old)];
    const other = engine("other", "y", late);
    here.site.root.writeStore([engine(ahead, "x", old), engine(behind, "x", late), engine(both, "x", old), other]);
    await here.site.writeRedis(...inRedis, engine(both, "x", old), other);
  });

  it("the copy that counts decides on a deletion", async () => {
    const { result } = await here.site.delete(selection);
    expect(result).toMatchObject({ deleted: 3, failed: 0 });
    expect(result.refused.map(({ task_id }) => task_id)).toEqual([ahead]);
    expect(here.site.purgedNames()).toEqual(["a:behind", "a:both", "a:redis"]);
  });

  it("and on a mark", async () => {
    const { result } = await here.site.mark(selection, { status: "failed", shown: "error", error: null });
    expect(result).toMatchObject({ marked: 3, failed: 0 });
    expect(result.refused.map(({ task_id }) => task_id)).toEqual([ahead]);
  });
});

it("delete works on the file if Redis is down, and owes Redis the deletion until the next sync", async () => {
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
