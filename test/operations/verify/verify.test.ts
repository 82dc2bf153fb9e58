import { beforeEach, describe, expect, it } from "vitest";
import { KINDS, type Kind, type VerifyResult } from "../../../src/operations/verify/classify.ts";
import type { VerifyOptions } from "../../../src/operations/verify/verify.ts";
import { ago, record } from "../../helpers/records.ts";
import { useSite } from "../setup.ts";
import { DAMAGES, type Damage } from "./damage.ts";

const here = useSite();
const NONE = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;

/** What a comparison counts, and whose tasks it names. */
async function verified(
  options: VerifyOptions = {},
): Promise<{ result: VerifyResult; named: Record<string, string[]> }> {
  const { result, drift } = await here.site.verify(options);
  const named: Record<string, string[]> = {};
  for (const kind of KINDS) {
    const ids = [...drift.of(kind)].map(({ userId, taskId }) => `${userId}:${taskId}`).sort();
    if (ids.length > 0) named[kind] = ids;
  }
  return { result, named };
}

describe("verify", () => {
  beforeEach(async () => {
    await here.site.writeBoth(record("a", "t1"), record("a", "t2"), record("b", "t1"), record("b", "t3"));
  });

  it("finds nothing if nothing is wrong, and changes nothing", async () => {
    const before = [here.site.root.tree(), await here.site.server.dump()];
    const { result, named } = await verified();
    expect(result).toEqual({ ...NONE, checked: 4, inSync: 4, invalid: 0, repaired: 0 });
    expect(named).toEqual({});
    expect([here.site.root.tree(), await here.site.server.dump()]).toEqual(before);
    expect(here.site.reporter.warnings).toEqual([]);
  });

  it.each(DAMAGES.map((damage) => ({ damage, what: damage.what })))("finds $what", async ({ damage }) => {
    await damage.make(here.site, "b", "t3");
    const { result, named } = await verified();
    expect(named).toEqual({ [damage.kind]: ["b:t3"] });
    expect(result).toEqual({ ...NONE, checked: 4, inSync: 3, invalid: 0, repaired: 0, [damage.kind]: 1 });
  });

  it("counts a task once, under the first kind that applies", async () => {
    const order = [...DAMAGES].sort((a: Damage, b: Damage) => KINDS.indexOf(b.kind) - KINDS.indexOf(a.kind));
    for (const damage of order.filter(({ gone }) => !gone)) {
      await damage.make(here.site, "b", "t3");
      const { result } = await verified();
      expect(result.checked - result.inSync, damage.what).toBe(1);
    }
  });

  it("counts and names invalid records, and keeps their copies in Redis", async () => {
    const { site } = here;
    site.root.writeStore([
      record("a", "t1"),
      record("a", "t2"),
      record("b", "t1"),
      { user_id: "b", task_id: "t3" },
      5 as never,
    ]);
    const { result } = await verified();
    expect(result).toEqual({ ...NONE, checked: 3, inSync: 3, invalid: 2, repaired: 0 });
    expect(site.reporter.text).toContain("b:t3");
  });

  it("finds members of users that the file does not know, and keys that no index knows", async () => {
    const { site } = here;
    await site.server.call("ZADD", "tts:user:stranger:index", 5, "t9");
    await site.server.call("ZADD", "tts:tasks:index", 5, "no-colon");
    await site.writeRedis(record("c", "hidden"));
    await site.server.call("DEL", "tts:user:c:index");
    await site.server.call("ZREM", "tts:tasks:index", "c:hidden");
    expect((await verified()).named).toEqual({ dangling: [":no-colon", "stranger:t9"], onlyInRedis: ["c:hidden"] });
  });

  it("reads no key of other programs", async () => {
    const { site } = here;
    for (const key of [
      "tts:task:no-task",
      "tts:task::t",
      "tts:user::index",
      "tts:user:a:b:index",
      "tts:task_lookup:t",
      "x",
    ]) {
      await site.server.call("SET", key, "theirs");
    }
    expect((await verified()).result).toMatchObject({ checked: 4, inSync: 4 });
  });

  it("continues if a user's index isn't one", async () => {
    const { site } = here;
    await site.server.call("DEL", "tts:user:a:index");
    await site.server.call("SET", "tts:user:a:index", "a string");
    const { drift } = await site.verify({});
    expect(drift.facts.brokenIndexes).toBe(1);
    expect((await verified()).named).toEqual({ unindexed: ["a:t1", "a:t2"] });
    expect(site.reporter.text).toMatch(/tts:user:a:index isn't a sorted set: WRONGTYPE .*redis-cli/);
  });

  it("names the global index if that isn't a sorted set", async () => {
    await here.site.server.call("SET", "tts:tasks:index", "a string");
    const error = await here.site.verify({}).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "REDIS_FAILED", hint: expect.stringContaining("remove it with redis-cli") });
    expect(String(error)).toContain("tts:tasks:index isn't a sorted set: WRONGTYPE");
  });

  it("does not mind how the same content is written", async () => {
    const { site } = here;
    const key = "tts:task:b:t3";
    const payload = JSON.stringify(Object.fromEntries(Object.entries(record("b", "t3")).reverse()), null, 2);
    await site.server.call("HSET", key, "payload", payload.replace("你", "\\u4f60"), "extra", "theirs");
    await site.server.call("HSET", key, "updated_at", "2020-01-01T08:00:05.250001Z");
    expect((await verified()).result).toMatchObject({ checked: 4, inSync: 4 });
  });

  it("reports an outdated payload, and a number in another form", async () => {
    const { site } = here;
    await site.server.call("HSET", "tts:task:b:t3", "payload", JSON.stringify(record("b", "t3", { status: "queued" })));
    await site.server.call(
      "HSET",
      "tts:task:b:t1",
      "payload",
      JSON.stringify(record("b", "t1")).replace("100", "100.0"),
    );
    expect((await verified()).named).toEqual({ differs: ["b:t1", "b:t3"] });
  });

  it("takes a member in a foreign index for the task that it names, by its time if several have that id", async () => {
    const { site } = here;
    await site.writeBoth(
      ...["a", "b", "c"].map((user, i) => record(user, "s", { updated_at: `2020-01-0${i + 1}T00:00:00Z` })),
    );
    await site.server.call("ZADD", "tts:user:d:index", Date.parse("2020-01-02") / 1000, "s");
    await site.server.call("ZADD", "tts:user:e:index", 7, "s");
    expect((await verified()).named.misplaced).toEqual(["a:s", "b:s"]);
  });

  it("reads a missing file as an empty store", async () => {
    here.site.root.rename("voice_task.json", "elsewhere");
    expect((await verified()).result).toMatchObject({ checked: 4, onlyInRedis: 4 });
  });

  it("is not available if Redis is lost midway", async () => {
    const { site } = here;
    for (const call of ["matches", "walkKeys", "walkIndex"]) {
      site.flaky.goDown((method) => method === call);
      await expect(site.verify(), call).rejects.toMatchObject({
        exitCode: 4,
        message: expect.stringContaining("were compared"),
      });
    }
    site.flaky.goDown((method) => method === "fullCopies");
    await site.server.call("DEL", "tts:task:a:t2");
    await expect(site.verify()).rejects.toMatchObject({ exitCode: 4 });
  });

  it("ends between two batches when it is stopped", async () => {
    here.site.flaky.onCall((method) => void (method === "matches" && here.site.stop.abort()));
    await expect(here.site.verify()).rejects.toMatchObject({ code: "INTERRUPTED" });
  });
});

describe("verify beside a service", () => {
  it("does not report in-flight writes of the service as drift", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    const fresh = record("a", "t2", { updated_at: ago(0), status: "running" });
    let mirrored = false;
    site.root.writeStore([record("a", "t1"), fresh]);
    site.flaky.afterCall(async (method) => {
      if (method !== "fullCopies" || mirrored) return;
      mirrored = true;
      await site.writeRedis(fresh);
    });
    expect((await verified()).result).toMatchObject({ checked: 2, inSync: 2 });
  });

  it("reads the file again if it moved", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"));
    let written = false;
    site.flaky.onCall(async (method) => {
      if (method !== "walkKeys" || written) return;
      written = true;
      await site.serviceWrites(record("a", "new", { updated_at: ago(0) }));
    });
    expect((await verified()).result).toMatchObject({ checked: 2, inSync: 2 });
  });

  it("does not report repeated writes as drift", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    let second = 0;
    site.flaky.onCall(async (method) => {
      if (method === "fullCopies")
        await site.writeRedis(record("a", "t2", { updated_at: `2020-02-01T00:00:0${second++}` }));
    });
    site.root.write("voice_task.json", site.root.storeText());
    await site.writeRedis(record("a", "t2", { updated_at: "2020-01-31T00:00:00" }));
    expect((await verified()).result).toMatchObject({ checked: 2, inSync: 2 });
    expect(second).toBeGreaterThan(2);
  });

  it("reports lasting drift, although the file was just written", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    site.root.write("voice_task.json", site.root.storeText());
    await site.server.call("DEL", "tts:task:a:t2");
    expect((await verified()).named).toEqual({ dangling: ["a:t2"] });
  });
});
