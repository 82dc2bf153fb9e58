import { beforeEach, describe, expect, it } from "vitest";
import type { RedisCopy } from "../../../src/store/layout/copy.ts";
import type { Mirror } from "../../../src/store/redis/mirror.ts";
import { mirrorTasks } from "../../../src/store/redis/mirror-tasks.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import type { Writable } from "../../../src/store/writable.ts";
import { ofUser } from "../../../src/task/query-fields.ts";
import { RecordRules } from "../../../src/task/rules.ts";
import { connectMirror } from "../../helpers/doubles.ts";
import { API_MS_RULES, taskIn, UTC } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { KINDS, useMirror } from "./setup.ts";

const AT = 1_600_000_000;
const KEY = "tts:task:a%3Ab:t+1";
const LOOKUP = "tts:task_lookup:t+1";
const ID = { userId: "a:b", taskId: "t 1" };

const task = (more: RecordJson = {}) => {
  const record = { user_id: "a:b", task_id: "t 1", status: "succeeded", created_at: AT, updated_at: AT, ...more };
  return taskIn(API_MS_RULES, record);
};

describe.each(KINDS)("a mirror in the layout api_ms on %s", (kind) => {
  const here = useMirror(kind);
  let mirror: Writable<Mirror>;
  beforeEach(async () => {
    mirror = await connectMirror(here.server, API_MS_RULES);
  });
  const write = async (...tasks: ReturnType<typeof task>[]) => writeToMirror(mirror, tasks);
  const copyNow = async () => (await mirror.copies([ID], "state"))[0] as RedisCopy;
  const get = (key: string) => here.server.call("GET", key);

  it("writes quoted names, whole seconds and the fields of the service", async () => {
    const more = { progress: 50, segments_done: 1.0, result_url: null, error: "失败", updated_at: AT + 5.9 };
    expect(await write(task(more))).toEqual(["written"]);
    expect(await here.server.hash(KEY)).toEqual({
      ...{ task_id: "t 1", user_id: "a:b", status: "succeeded", progress: "50", segments_done: "1" },
      ...{ total_segments: "0", result_url: "", error: "失败", updated_at: `${AT + 5}`, created_at: `${AT}` },
      payload: task(more).json,
    });
    expect(await here.server.zset("tts:tasks:index")).toEqual([["a%3Ab:t+1", `${AT + 5}`]]);
    expect(await here.server.zset("tts:user:a%3Ab:index")).toEqual([["t+1", `${AT + 5}`]]);
    expect(await get(LOOKUP)).toBe("a%3Ab");
    expect(await mirror.fits([task(more)])).toMatchObject([{ fit: "inSync" }]);
    expect(await mirror.read([ID])).toEqual([task(more)]);
  });

  it("uses the time of the payload, and never goes back", async () => {
    await write(task());
    await here.server.call("HSET", KEY, "payload", task({ updated_at: AT + 100, status: "running" }).json);
    expect(await write(task({ updated_at: AT + 50 }))).toEqual(["newer"]);
    expect(await write(task({ updated_at: AT + 100, status: "running" }))).toEqual(["written"]); // made whole
    expect(await here.server.call("HGET", KEY, "updated_at")).toBe(`${AT + 100}`);
    expect(await write(task({ updated_at: AT + 100, status: "running" }))).toEqual(["unchanged"]);
  });

  it.each([
    { what: "its payload changed", change: ["HSET", KEY, "payload", task({ status: "running" }).json] },
    { what: "its status changed", change: ["HSET", KEY, "status", "running"] },
    { what: "its time changed", change: ["HSET", KEY, "updated_at", `${AT + 1}`] },
    { what: "its payload went", change: ["HDEL", KEY, "payload"] },
  ])("refuses a removal where $what since", async ({ change }) => {
    await write(task());
    const copy = await copyNow();
    await here.server.call(...change);
    const dump = await here.server.dump();
    expect(await mirror.remove([{ id: ID, seen: copy }])).toEqual([false]);
    expect(await here.server.dump()).toEqual(dump);
  });

  it("leads a lookup to the newest of an id, whichever is written first, also in one call", async () => {
    const [older, newer] = [task({ user_id: "x" }), task({ user_id: "y", updated_at: AT + 1 })];
    for (const order of [
      [older, newer],
      [newer, older],
    ]) {
      await here.server.call("FLUSHALL");
      for (const one of order) await write(one);
      expect(await get(LOOKUP)).toBe("y");
      await here.server.call("FLUSHALL");
      await write(...order);
      expect(await get(LOOKUP)).toBe("y");
    }
    const [same, last] = [task({ user_id: "a" }), task({ user_id: "b" })];
    await here.server.call("FLUSHALL");
    await write(last);
    await write(same);
    expect(await get(LOOKUP)).toBe("b"); // as a list has them
  });
});

describe.each(KINDS)("a user's index that is scored by created_at, on %s", (kind) => {
  const here = useMirror(kind);
  const rules = new RecordRules(UTC, "api_ms_v3");

  it("is repaired by that time of the hash, which is kept at an equal time", async () => {
    const mirror = await connectMirror(here.server, rules);
    const [first, second] = [AT + 7, AT + 8].map((created_at) =>
      JSON.parse(task({ created_at, updated_at: AT + 900 }).json),
    );
    await writeToMirror(mirror, [taskIn(rules, first)]);
    for (const wrong of [AT + 900, AT + 1]) {
      await here.server.call("ZADD", "tts:user:a%3Ab:index", wrong, "t+1");
      expect(await writeToMirror(mirror, [taskIn(rules, second)])).toEqual(["reindexed"]);
      expect(await here.server.zset("tts:user:a%3Ab:index")).toEqual([["t+1", `${AT + 7}`]]);
      expect(await writeToMirror(mirror, [taskIn(rules, second)])).toEqual(["unchanged"]);
    }
  });

  it("gives also the order by updated_at", async () => {
    const mirror = await connectMirror(here.server, rules);
    await writeToMirror(mirror, [task({ updated_at: AT + 1 }), task({ task_id: "t2", created_at: AT + 1 })]);
    const { tasks } = await mirrorTasks(mirror, null).page(ofUser("a:b"), 0, 2, "updated");
    expect(tasks.map(({ taskId }) => taskId)).toEqual(["t 1", "t2"]);
  });
});
