import { describe, expect, it } from "vitest";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import { FlakyMirror } from "../../helpers/doubles.ts";
import { record, taskOf } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";
import { KINDS, useMirror } from "./setup.ts";

const KEY = "tts:task:alice:t1";
const INDEX = "tts:tasks:index";
const AT = "2024-01-01T00:00:00.5";

describe.each(KINDS)("a write on %s", (kind) => {
  const here = useMirror(kind);

  const write = (json: RecordJson) => writeToMirror(here.mirror, [taskOf(json)]);
  const task = (more: RecordJson = {}) => record("alice", "t1", { updated_at: AT, ...more });

  it.each([
    { what: "a newer payload", time: "2024-01-01T00:00:00.500001", outcome: "newer" },
    { what: "a newer payload in epoch seconds", time: 1_704_067_201, outcome: "newer" },
    { what: "a payload of the same time", time: AT, outcome: "written" },
    { what: "an older payload", time: "2024-01-01T00:00:00", outcome: "written" },
    { what: "a payload without a time", time: null, outcome: "written" },
  ])("of a hash without a time, with $what: $outcome", async ({ time, outcome }) => {
    const payload = JSON.stringify(task({ updated_at: time, text: "theirs" }));
    for (const member of [false, true]) {
      await here.server.call("DEL", KEY);
      await here.server.call("HSET", KEY, "status", "succeeded", "payload", payload);
      if (member) await here.server.call("ZADD", INDEX, 5, "alice:t1");
      expect(await write(task({ text: "ours" }))).toEqual([outcome]);
      expect((await here.server.hash(KEY)).payload).toContain(outcome === "newer" ? "theirs" : "ours");
    }
  });

  it("doesn't take what the broken index of a user says for another user's copy", async () => {
    await here.server.call("SET", "tts:user:alice:index", "x");
    await here.server.call("ZADD", INDEX, 5, "bob:t1");
    const ids = ["alice", "bob"].map((userId) => ({ userId, taskId: "t1" }));
    const broken = { code: "REDIS_FAILED", message: expect.stringContaining("WRONGTYPE") };
    const [alice, bob] = await here.mirror.copies(ids, "state");
    expect([alice, bob]).toMatchObject([broken, { type: "none", indexScore: "5", userScore: null }]);
  });

  it("of a hash without a time: looks again if its payload changed between look and write", async () => {
    const payload = (second: number) => JSON.stringify(task({ updated_at: `2024-01-01T00:00:0${second}` }));
    await here.server.call("HSET", KEY, "payload", payload(0));
    const flaky = new FlakyMirror(here.mirror);
    flaky.onCall(async (method) => {
      if (method === "upsert") await here.server.call("HSET", KEY, "payload", payload(9));
    });
    expect(await writeToMirror(flaky.mirror, [taskOf(task())])).toEqual(["newer"]);
  });
});
