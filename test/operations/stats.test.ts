import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openArtifacts } from "../../src/artifacts/artifacts.ts";
import { countTasks, estimateCleanup } from "../../src/operations/stats/stats.ts";
import type { StatsResult } from "../../src/operations/stats/types.ts";
import { type MirrorLink, RedisLink, type SourceChoice } from "../../src/store/mirror-link.ts";
import { Zone } from "../../src/task/time.ts";
import { linkTo } from "../helpers/doubles.ts";
import { ago, record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const DAY = 86_400;
const POLICY = { retention: 7 * DAY, retentionDone: null, retentionError: null, keepLast: 0, maxBytes: 0 };

interface Asked {
  source?: SourceChoice;
  userId?: string | undefined;
  link?: MirrorLink;
  now?: number;
}

/** The stats without what the stores answer of it. */
async function stats({ source = "auto", userId, link, now = Date.now() / 1000 }: Asked = {}): Promise<StatsResult> {
  const { site } = here;
  const artifacts = await openArtifacts({ output: site.root.at("output"), logs: site.root.at("Logs") });
  const cleanup = { file: site.file, mirror: site.state, artifacts, clock: site.clock, reporter: site.reporter };
  const parts = {
    ...{ file: site.file, link: link ?? linkTo(site.mirror), artifacts, reporter: site.reporter },
    estimate: () => estimateCleanup(cleanup, POLICY, { userId, withFiles: true }),
  };
  try {
    return await countTasks(parts, { source, userId, rule: { now, after: DAY, zone: new Zone("UTC") } });
  } finally {
    await artifacts.close();
  }
}

const noRedis = () => new RedisLink(null);

describe("stats", () => {
  it("are the same from either store, and equal a simple count", async () => {
    const { site } = here;
    const now = 1_700_000_000;
    const words = fc.constantFrom("queued", "running", "succeeded", "failed", "paused");
    const task = fc.tuple(
      fc.constantFrom("a", "小雨", "c d"),
      fc.nat(30),
      words,
      fc.oneof(fc.nat({ max: 40 * DAY }), fc.constantFrom(0, 2 * DAY, 40 * DAY)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(task, { minLength: 1, maxLength: 40 }),
        fc.constantFrom(undefined, "a", "小雨"),
        async (tasks, userId) => {
          await site.server.call("FLUSHALL");
          const byId = new Map(tasks.map((one) => [`${one[0]}:${one[1]}`, one]));
          const all = [...byId.values()];
          await site.writeBoth(
            ...all.map(([user, id, status, age]) => record(user, `t${id}`, { status, updated_at: now - age })),
          );
          await site.sync();
          const [redis, file] = [await stats({ userId, now }), await stats({ userId, now, source: "file" })];
          expect({ ...redis, source: "file" }).toEqual(file);
          const mine = all.filter(([user]) => userId === undefined || user === userId);
          expect(redis.total).toBe(mine.length);
          expect(redis.byStatus.other).toBe(mine.filter(([, , status]) => status === "paused").length);
          expect(redis.ages[1]!.total).toBe(mine.filter(([, , , age]) => age > 3600 && age <= DAY).length);
          expect(redis.ages.reduce((sum, { total }) => sum + total, 0)).toBe(mine.length);
          const ages = mine.map(([, , , age]) => age);
          expect(redis.oldest?.ageSeconds ?? null).toBe(mine.length === 0 ? null : Math.max(...ages));
          expect(redis.newest?.ageSeconds ?? null).toBe(mine.length === 0 ? null : Math.min(...ages));
          const waits = mine.filter(([, , status]) => status === "queued").map(([, , , age]) => age);
          expect(redis.oldestWaiting?.ageSeconds ?? null).toBe(waits.length === 0 ? null : Math.max(...waits));
          expect(redis.oldestWaiting?.status ?? "wait").toBe("wait");
          const sums = redis.byUser.map(({ total, wait, run, done, error, other }) => [
            total,
            wait + run + done + error + other,
          ]);
          for (const [total, sum] of sums) expect(total).toBe(sum);
          expect(redis.stuck.count).toBe(
            mine.filter(([, , word, age]) => ["queued", "running"].includes(word) && age > DAY).length,
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  it("counts every task once while a service moves them through the index", async () => {
    const { site } = here;
    const all = Array.from({ length: 1200 }, (_, i) => record("a", `t${i}`));
    await site.writeBoth(...all);
    await site.sync();
    let moved = 0;
    site.flaky.onCall(async (method) => {
      if (method !== "statuses") return;
      for (let i = 0; i < 100; i++)
        await site.server.call("ZADD", "tts:tasks:index", Date.now() / 1000, `a:t${moved++}`);
    });
    expect((await stats()).total).toBe(1200);
    expect(moved).toBeGreaterThan(100);
  });

  it("measures audio and logs by status and user, with shared and orphaned ones", async () => {
    const { site } = here;
    const failed = record("b", "t3", { status: "failed" });
    await site.writeBoth(
      record("a", "t1"),
      record("a", "t2", { status: "running", updated_at: ago(5) }),
      failed,
      record("b", "t1"),
    );
    site.root.writeArtifacts([record("a", "t1"), record("a", "t2"), failed, record("gone", "t9")]);
    const result = await stats();
    expect(result.disk).toEqual({
      ...{ audioBytes: 400, logBytes: 40, sharedLogBytes: 10, unread: 0 },
      unowned: { audioBytes: 100, logBytes: 10 },
      byStatus: {
        wait: { audioBytes: 0, logBytes: 0 },
        run: { audioBytes: 100, logBytes: 10 },
        done: { audioBytes: 100, logBytes: 0 },
        error: { audioBytes: 100, logBytes: 10 },
        other: { audioBytes: 0, logBytes: 0 },
      },
    });
    expect(result.byUser.map(({ user_id, disk }) => [user_id, disk])).toEqual([
      ["a", { audioBytes: 200, logBytes: 10 }],
      ["b", { audioBytes: 100, logBytes: 10 }],
    ]);
    expect(result.cleanup).toEqual({ tasks: 3, files: 4, bytes: 220 });
    const one = await stats({ userId: "b" });
    expect(one.disk).toMatchObject({ audioBytes: 100, logBytes: 20, unowned: { audioBytes: 0 } });
    expect(one.cleanup?.tasks).toBe(2);
    expect(site.root.readStore()).toHaveLength(4);
  });

  it("names invalid records and stuck tasks, and fills a gap of Redis from the file", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2", { status: "running" }));
    await site.sync();
    site.root.writeStore([...site.root.readStore(), { user_id: "a", task_id: "bad", status: "done" }]);
    await site.server.call("DEL", "tts:task:a:t2");
    await site.server.call("ZADD", "tts:tasks:index", 5, "a:ghost");
    const result = await stats();
    expect(result).toMatchObject({ source: "mixed", total: 2, dangling: 1, stuck: { count: 1 } });
    expect(result.invalid).toMatchObject({ count: 1, records: [{ user_id: "a", task_id: "bad" }] });
    expect(await stats({ source: "redis" })).toMatchObject({ total: 1, dangling: 2, invalid: null });
  });

  it("come from the file if Redis is off, down, lost midway or was never synced, with one warning", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    await site.server.call("ZREM", "tts:tasks:index", "a:t2");
    expect(await stats()).toMatchObject({ source: "file", total: 2 });
    expect(site.reporter.text).toContain("never synced");
    expect(await stats({ link: noRedis() })).toMatchObject({ source: "file", total: 2 });
    await expect(stats({ link: noRedis(), source: "redis" })).rejects.toMatchObject({ code: "REDIS_DISABLED" });
    await site.sync();
    for (const method of ["standing", "statuses"]) {
      site.reporter.warnings.length = 0;
      site.flaky.goDown((name) => name === method);
      expect(await stats()).toMatchObject({ source: "file", total: 2 });
      expect(site.reporter.warnings).toHaveLength(1);
      if (method === "statuses")
        await expect(stats({ source: "redis" })).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    }
  });

  it("says why a cleanup can't be estimated, and gives the rest", async () => {
    const { site } = here;
    await site.writeRedis(record("a", "t1"));
    const result = await stats();
    expect(result).toMatchObject({ total: 1, cleanup: null });
    expect(site.reporter.text).toContain("cannot estimate what a cleanup would free");
  });
});
