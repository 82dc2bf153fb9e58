import { beforeEach, expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const members = async () => (await here.site.server.zset("tts:tasks:index")).map(([member]) => member).sort();

beforeEach(async () => {
  await here.site.writeBoth(record("a", "t1"), record("a", "t2"), record("b", "t3"));
  await here.site.writeRedis(record("a", "gone"), record("c", "gone"));
});

it("sync --prune keeps a task that the file has only as an invalid record", async () => {
  const { site } = here;
  site.root.writeStore([record("a", "t1"), record("a", "t2"), record("b", "t3"), { user_id: "a", task_id: "gone" }]);
  expect(await site.sync({ prune: true })).toMatchObject({ orphans: 1, pruned: 1, invalid: 1 });
  expect(await members()).toEqual(["a:gone", "a:t1", "a:t2", "b:t3"]);
});

it("sync --prune does not count names that aren't UTF-8, with a warning", async () => {
  const { site } = here;
  await site.server.call("EVAL", "redis.call('ZADD', 'tts:tasks:index', 1, 'a:t' .. string.char(255))", 0);
  await site.sync({ prune: false });
  expect(site.reporter.text).toContain("1 Redis-only task with a name that may not be UTF-8");
  expect(await site.sync({ prune: true, maxDelete: null })).toMatchObject({ pruned: 2, failedToPrune: 1 });
  expect(site.reporter.text).toContain("not UTF-8");
  expect(await site.server.call("ZCARD", "tts:tasks:index")).toBe(4);
});

it("sync --prune plans no deletion of a key of another type, and names the remedy", async () => {
  const { site } = here;
  await site.server.call("SET", "tts:task:a:type", "a string");
  const all = { prune: true, maxDelete: null };
  expect(await site.sync({ ...all, dryRun: true })).toMatchObject({ orphans: 2, pruned: 2, failedToPrune: 1 });
  expect(await site.sync(all)).toMatchObject({ pruned: 2, failedToPrune: 1 });
  expect(site.reporter.text.match(/a:type .*remove it with redis-cli/g)).toHaveLength(2);
  expect(await site.sync()).toMatchObject({ orphans: 0 });
});

it("sync --prune is refused if the file became empty, or lost more tasks than allowed, before the answer", async () => {
  const { site } = here;
  for (const [left, code] of [
    [[], "STORE_EMPTY"],
    [[record("a", "t1")], "MAX_DELETE_EXCEEDED"],
  ] as const) {
    site.root.writeStore([record("a", "t1"), record("a", "t2"), record("b", "t3")]);
    site.whileAsked = () => site.root.writeStore(left);
    await expect(site.sync({ prune: true })).rejects.toMatchObject({ code });
    expect(await members()).toHaveLength(5);
  }
});

it("sync --prune deletes also what the index lacks", async () => {
  const { site } = here;
  await site.server.call("ZREM", "tts:tasks:index", "a:gone", "a:t1");
  expect(await site.sync({ prune: true })).toMatchObject({ orphans: 2, pruned: 2 });
  expect(Object.keys(await site.server.dump()).join()).not.toContain("gone");
});

it("sync --prune writes what Redis lost while it asked", async () => {
  const { site } = here;
  site.whileAsked = () => site.server.call("DEL", "tts:task:a:t1");
  expect(await site.sync({ prune: true })).toMatchObject({ written: 1, pruned: 2 });
  expect(await site.server.hash("tts:task:a:t1")).toMatchObject({ task_id: "t1" });
});
