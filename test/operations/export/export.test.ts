import { describe, expect, test } from "vitest";
import type { ExportOptions } from "../../../src/operations/export/export.ts";
import { NO_FILTER, ofUser } from "../../../src/task/query-fields.ts";
import { taskOf } from "../../helpers/records.ts";
import { at, useSite } from "../setup.ts";

const here = useSite();

async function run(options: Partial<ExportOptions> = {}) {
  const { result, tasks } = await here.site.export(options);
  return { result, json: tasks.map(({ json }) => json), names: tasks.map(({ taskId }) => taskId) };
}

describe("both stores", () => {
  test("give the newer copy of each task: the file's in its order, then Redis-only ones, oldest first", async () => {
    const { site } = here;
    const file = [at("b", 5), at("a", 5), at("c", 5), at("same", 5)];
    site.root.writeStore(file);
    const [newer, older, same] = [at("a", 6, { text: "newer" }), at("c", 4), at("same", 5, { text: "other" })];
    const unscored = at("b", 7); // the service was killed before it set the score
    await site.writeRedis(at("x", 9), newer, older, same, at("y", 3), at("z", 9), unscored);
    await site.server.call("ZADD", "tts:tasks:index", taskOf(file[0]!).score, "alice:b");
    const { json, result } = await run();
    expect(json).toEqual(
      [unscored, newer, file[2], file[3], at("y", 3), at("x", 9), at("z", 9)].map((r) => JSON.stringify(r)),
    );
    expect(result).toEqual({ fromFile: 2, fromRedis: 5, missing: [], dangling: 0, failed: 0, problem: null });
  });

  test("give a newer copy without a payload the other fields of the file's record", async () => {
    const { site } = here;
    site.root.writeStore([at("a", 5, { text: "你好", top_p: 1 })]);
    await site.writeRedis(at("a", 6, { status: "failed" }));
    await site.server.call("HDEL", "tts:task:alice:a", "payload");
    for (const ids of [null, [{ userId: "alice", taskId: "a" }]]) {
      const { json } = await run({ ids });
      expect(JSON.parse(json[0]!)).toEqual(at("a", 6, { status: "failed", text: "你好", top_p: 1 }));
    }
  });

  test("are filtered by the copy that counts", async () => {
    const { site } = here;
    site.root.writeStore([at("a", 5, { status: "running" }), at("b", 5), at("c", 5, { status: "failed" })]);
    await site.writeRedis(at("a", 6), at("b", 6, { status: "running" }), at("d", 1), at("e", 1, { status: "queued" }));
    const done = { ...NO_FILTER, statuses: new Set(["done"]) };
    expect((await run({ filter: done })).names).toEqual(["a", "d"]);
    const since = { ...NO_FILTER, since: taskOf(at("a", 6)).score };
    expect((await run({ filter: since })).names).toEqual(["a", "b"]);
  });
});

test("a valid copy in Redis of an invalid record is exported", async () => {
  const { site } = here;
  site.root.writeStore([{ user_id: "alice", task_id: "a" }]);
  await site.writeRedis(at("a", 1));
  expect((await run()).names).toEqual(["a"]);
});

test("one store of two is exported: Redis, if the file is empty or missing, with a warning; without Redis neither is", async () => {
  const { site } = here;
  await site.writeRedis(at("x", 1));
  site.root.writeStore([]);
  for (const _ of ["empty", "missing"]) {
    const { names, result } = await run();
    expect([names, result.problem?.code]).toEqual([["x"], "STORE_EMPTY"]);
    site.root.drop("voice_task.json");
  }
  site.state = { kind: "off" };
  await expect(run()).rejects.toMatchObject({ code: "STORE_EMPTY" });
  await expect(run({ source: "file" })).rejects.toMatchObject({ code: "STORE_EMPTY" });
});

test("what the indexes lack is exported too, of a user and without a file", async () => {
  const { site } = here;
  site.root.writeStore([at("a", 5)]);
  await site.writeRedis(at("x", 9), at("y", 3));
  await site.server.call("DEL", "tts:user:alice:index", "tts:tasks:index");
  expect((await run({ filter: ofUser("alice") })).names.sort()).toEqual(["a", "x", "y"]);
  site.root.drop("voice_task.json");
  expect((await run({ source: "redis" })).names.sort()).toEqual(["x", "y"]);
});
