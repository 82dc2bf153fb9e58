import { describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const many = (count: number) => Array.from({ length: count }, (_, i) => record(`user${i % 7}`, `t${i}`));
const COUNTS = {
  written: 0,
  unchanged: 0,
  newerInRedis: 0,
  failed: 0,
  invalid: 0,
  orphans: 0,
  pruned: 0,
  dryRun: false,
};

describe("sync", () => {
  it("counts every task once, by its outcome", async () => {
    const { site } = here;
    await site.writeRedis(
      ...[record("a", "same"), record("a", "older", { updated_at: "2019-01-01T00:00:00" })],
      ...[
        record("a", "newer", { updated_at: ago(60) }),
        record("a", "orphan"),
        record("a", "score"),
        record("a", "type"),
      ],
    );
    await site.server.call("ZADD", "tts:tasks:index", 1, "a:score");
    await site.server.call("DEL", "tts:task:a:type");
    await site.server.call("SET", "tts:task:a:type", "a string");
    const ids = ["same", "older", "newer", "score", "type", "new"];
    site.root.writeStore([...ids.map((id) => record("a", id)), { user_id: "a:b", task_id: "invalid" }, 5 as never]);
    expect(await site.sync()).toMatchObject({
      ...{ total: 6, written: 3, unchanged: 1, newerInRedis: 1, failed: 1, invalid: 2, orphans: 1, pruned: 0 },
      ...{ dryRun: false, durationMs: expect.any(Number) },
    });
    expect(site.reporter.text).toContain("a:type");
    expect(await site.server.call("EXISTS", "tts:task:a:orphan")).toBe(1);
    expect(await site.server.call("GET", "tts:ttsctl:synced")).toBeNull();
  });

  it("leaves nothing to do for the next", async () => {
    const { site } = here;
    site.root.writeStore(many(1234));
    expect(await site.sync()).toMatchObject({ ...COUNTS, total: 1234, written: 1234 });
    const dump = await site.server.dump();
    expect(await site.sync()).toMatchObject({ ...COUNTS, total: 1234, unchanged: 1234 });
    expect({ ...(await site.server.dump()), "tts:ttsctl:synced": "" }).toEqual({ ...dump, "tts:ttsctl:synced": "" });
    expect(site.reporter.steps.at(-1)).toEqual({ label: "syncing", done: 1234, total: 1234 });
  });

  it("brings over a task that changes within its second, also if deletions took long before", async () => {
    const { site } = here;
    const updated_at = new Date(1000 * Math.floor(site.clock.now())).toISOString();
    const before = { userId: "a", taskId: "gone" };
    site.root.writeStore([record("a", "t", { updated_at, progress: 1 })]);
    await site.file.owed.add([{ id: before, before: 1 }]);
    let calls = 0;
    site.flaky.onCall((method) => {
      if (method === "remove" && calls++ === 0) site.clock.jumped += 100;
    });
    site.flaky.afterCall((method) => {
      if (method === "upsert") site.root.writeStore([record("a", "t", { updated_at, progress: 2 })]);
    });
    await site.sync();
    expect(JSON.parse((await site.server.hash("tts:task:a:t")).payload!)).toMatchObject({ progress: 2 });
    expect(calls).toBe(1);
  });

  it("uses the file as it was after Redis was listed", async () => {
    const { site } = here;
    const moved = [record("a", "changed"), record("a", "gone"), record("a", "same"), record("a", "stale")];
    await site.writeBoth(...moved, record("a", "both"));
    await site.writeRedis(record("a", "orphan"), record("a", "stale", { updated_at: "2019-01-01T00:00:00" }));
    await site.server.call("HSET", "tts:task:a:stale", "updated_at", "2019-01-01T00:00:00");
    let calls = 0;
    site.flaky.onCall(async (method) => {
      if (method !== "walkCopies" || ++calls > 1) return;
      const changed = record("a", "changed", { updated_at: "2020-02-02T00:00:00" });
      site.root.writeStore([record("b", "new"), record("a", "stale"), record("a", "same"), changed]);
      await site.writeRedis(record("b", "new"));
    });
    expect(await site.sync()).toMatchObject({
      ...{ ...COUNTS, total: 4, written: 2, unchanged: 2, orphans: 3 }, // both, gone, orphan
    });
    expect(calls).toBe(1);
    expect(await site.server.hash("tts:task:a:changed")).toMatchObject({ updated_at: "2020-02-02T00:00:00" });
    site.flaky.onCall(() => {});
    expect(await site.sync({ prune: true, maxDelete: null })).toMatchObject({ unchanged: 4, pruned: 3 });
  });

  it.each(["index", "everything"])(
    "losing %s after it was listed is noticed by the sync or the next list",
    async (what) => {
      const { site } = here;
      site.root.writeStore(many(600));
      await site.sync();
      let calls = 0;
      site.flaky.afterCall(async (method) => {
        if (method !== "walkCopies" || ++calls > 1) return;
        await site.server.call(...(what === "index" ? ["DEL", "tts:tasks:index"] : ["FLUSHALL"]));
      });
      const outcome = await site.sync().catch((error: unknown) => error);
      expect(calls).toBeGreaterThan(0);
      if (what === "everything") expect(outcome).toMatchObject({ code: "REDIS_FAILED" });
      else expect(await site.mirror.standing(undefined)).toMatchObject({ counted: null });
      site.flaky.afterCall(() => {});
      expect(await site.sync()).toMatchObject({ total: 600, written: 600 });
      expect(await site.server.call("ZCARD", "tts:tasks:index")).toBe(600);
    },
  );

  it("leaves no mark if Redis was flushed after it was listed, though the service has written most again", async () => {
    const { site } = here;
    await site.writeBoth(...many(30));
    let steps = 0;
    site.flaky.afterCall(async (method) => {
      if (method !== "walkCopies" || ++steps > 1) return;
      await site.server.call("FLUSHALL");
      await site.writeRedis(...many(30).filter((_, i) => i % 4 > 0));
    });
    await expect(site.sync()).rejects.toMatchObject({ code: "REDIS_FAILED" });
    expect(await site.mirror.syncedAt()).toBeNull();
  });

  it("syncs one user alone", async () => {
    const { site } = here;
    await site.writeRedis(record("user1", "orphan"), record("user2", "orphan"));
    site.root.writeStore(many(14));
    const result = await site.sync({ userId: "user1", prune: true, maxDelete: null });
    expect(result).toMatchObject({ total: 2, written: 2, orphans: 1, pruned: 1 });
    expect((await site.server.zset("tts:tasks:index")).map(([member]) => member).sort()).toEqual([
      "user1:t1",
      "user1:t8",
      "user2:orphan",
    ]);
  });

  it("marks when the last whole sync ended, in UTC", async () => {
    const { site } = here;
    site.root.writeStore(many(3));
    const before = Date.now();
    await site.sync({ userId: "user1" });
    expect(await site.mirror.syncedAt()).toBeNull();
    await site.sync();
    const marked = (await site.mirror.syncedAt())!;
    expect(marked).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$/);
    expect(Date.parse(marked)).toBeGreaterThanOrEqual(before - 1);
    expect(Date.parse(marked)).toBeLessThanOrEqual(Date.now());
  });
});

describe("sync --checksum", () => {
  it("writes the file's record at an equal time if the content differs, and only there", async () => {
    const { site } = here;
    await site.writeRedis(record("a", "same"), record("a", "differs", { text: "old" }), record("a", "form"));
    await site.server.call("HSET", "tts:task:a:form", "payload", JSON.stringify(record("a", "form"), null, 1));
    await site.writeRedis(record("a", "newer", { updated_at: ago(60) }));
    site.root.writeStore(["same", "differs", "form", "newer"].map((id) => record("a", id, { text: "new" })));
    await site.writeRedis(record("a", "same", { text: "new" }));
    await site.server.call("HSET", "tts:task:a:same", "payload", JSON.stringify(record("a", "same", { text: "new" })));
    expect(await site.sync()).toMatchObject({ unchanged: 3, newerInRedis: 1 });
    const plan = await site.sync({ checksum: true, dryRun: true });
    expect(plan).toMatchObject({ written: 2, unchanged: 1, newerInRedis: 1 });
    expect(await site.sync({ checksum: true })).toMatchObject({ written: 2, unchanged: 1, newerInRedis: 1 });
    expect((await site.server.hash("tts:task:a:differs")).payload).toContain('"text":"new"');
    expect(await site.sync({ checksum: true })).toMatchObject({ written: 0, unchanged: 3 });
  });

  it("counts keys of another type as failed, in a dry run too", async () => {
    const { site } = here;
    site.root.writeStore([record("a", "t1"), record("b", "t1"), record("c", "t1")]);
    await site.sync();
    await site.server.call("DEL", "tts:task:a:t1", "tts:user:b:index");
    for (const key of ["tts:task:a:t1", "tts:user:b:index"]) await site.server.call("SET", key, "x");
    for (const dryRun of [true, false])
      expect(await site.sync({ checksum: true, dryRun })).toMatchObject({ written: 0, unchanged: 1, failed: 2 });
  });
});

describe("a Redis that fails under a sync", () => {
  it("by losing its data makes it fail, without a mark, even if it answered throughout", async () => {
    const { site } = here;
    site.root.writeStore(many(2000));
    let batches = 0;
    site.flaky.onCall(async (method) => {
      if (method === "upsert" && ++batches === 4) await site.server.call("FLUSHALL");
    });
    await expect(site.sync()).rejects.toMatchObject({ code: "REDIS_FAILED", exitCode: 4 });
    expect(await site.mirror.syncedAt()).toBeNull();
    site.flaky.onCall(() => {});
    expect(await site.sync()).toMatchObject({ total: 2000, failed: 0 });
    expect(await site.server.call("ZCARD", "tts:tasks:index")).toBe(2000);
    expect(await site.server.call("EXISTS", "tts:ttsctl:syncing")).toBe(0);
  });

  it("ends it when it is interrupted, after the batch in hand", async () => {
    const { site } = here;
    site.root.writeStore(many(3000));
    site.flaky.onCall((method) => {
      if (method === "upsert") site.stop.abort();
    });
    await expect(site.sync()).rejects.toMatchObject({ code: "INTERRUPTED", exitCode: 130 });
    const count = (await site.server.call("ZCARD", "tts:tasks:index")) as number;
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(3000);
    expect(await site.mirror.syncedAt()).toBeNull();
  });
});
