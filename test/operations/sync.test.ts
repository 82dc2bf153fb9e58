import { expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const many = (count: number) => Array.from({ length: count }, (_, i) => record(`user${i % 7}`, `t${i}`));
const COUNTS = {
  ...{ written: 0, unchanged: 0, newerInRedis: 0, failed: 0, invalid: 0, orphans: 0, pruned: 0, dryRun: false },
};

it("sync counts every task once, by its outcome", async () => {
  const { site } = here;
  const [older, newer] = ["2019-01-01T00:00:00", ago(60)].map((updated_at) => ({ updated_at }));
  await site.writeRedis(record("a", "older", older), record("a", "newer", newer));
  await site.writeRedis(...["same", "orphan", "score", "type"].map((id) => record("a", id)));
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

it("sync leaves nothing to do for the next", async () => {
  const { site } = here;
  site.root.writeStore(many(1234));
  expect(await site.sync()).toMatchObject({ ...COUNTS, total: 1234, written: 1234 });
  const dump = await site.server.dump();
  expect(await site.sync()).toMatchObject({ ...COUNTS, total: 1234, unchanged: 1234 });
  expect({ ...(await site.server.dump()), "tts:ttsctl:synced": "" }).toEqual({ ...dump, "tts:ttsctl:synced": "" });
  expect(site.reporter.steps.at(-1)).toEqual({ label: "syncing", done: 1234, total: 1234 });
});

it("sync brings over a task that changes within its second, also if deletions took long before", async () => {
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

it("sync leaves no mark if Redis was flushed after it was listed, though the service has written most again", async () => {
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

it("sync marks when the last whole sync ended, in UTC", async () => {
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

it("sync with --checksum writes the file's record at an equal time if the content differs, and only there", async () => {
  const { site } = here;
  await site.writeRedis(
    ...["same", "differs"].map((id) => record("a", id)),
    record("a", "newer", { updated_at: ago(60) }),
  );
  site.root.writeStore([record("a", "same"), record("a", "differs", { text: "new" }), record("a", "newer")]);
  expect(await site.sync()).toMatchObject({ unchanged: 2, newerInRedis: 1 });
  for (const dryRun of [true, false])
    expect(await site.sync({ checksum: true, dryRun })).toMatchObject({ written: 1, unchanged: 1, newerInRedis: 1 });
  expect((await site.server.hash("tts:task:a:differs")).payload).toContain('"text":"new"');
  expect(await site.sync({ checksum: true })).toMatchObject({ written: 0, unchanged: 2 });
});
