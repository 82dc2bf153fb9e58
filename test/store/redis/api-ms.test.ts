import { beforeEach, describe, expect, it } from "vitest";
import type { RedisCopy } from "../../../src/store/layout/copy.ts";
import type { Mirror } from "../../../src/store/redis/mirror.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import type { Writable } from "../../../src/store/writable.ts";
import { connectMirror } from "../../helpers/doubles.ts";
import { API_MS_RULES, taskIn } from "../../helpers/records.ts";
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
    expect(await mirror.remove([{ id: ID, copy }])).toEqual([false]);
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
