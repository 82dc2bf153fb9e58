import { linkSync, symlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { CleanupResult } from "../../src/operations/cleanup.ts";
import { ago, record } from "../helpers/records.ts";
import type { RecordJson } from "../helpers/root.ts";
import { useSite } from "./setup.ts";

const here = useSite();

/** What a dry run and a pass after it must agree on. */
const counts = ({ dryRun, durationMs, expireBefore, ...rest }: CleanupResult) => rest;

/** A finished task that changed some hours ago. */
const hours = (userId: string, taskId: string, age: number, more: RecordJson = {}) =>
  record(userId, taskId, { updated_at: ago(age * 3600), ...more });

describe("max_bytes", () => {
  /** Five finished tasks of 110 bytes each, the oldest first. */
  const five = () => ["t1", "t2", "t3", "t4", "t5"].map((task, i) => hours(i % 2 ? "b" : "a", task, 10 - i));

  it("purges the oldest before their retention until the rest fits, also in a dry run", async () => {
    const { site } = here;
    await site.writeBoth(...five().reverse());
    site.root.writeArtifacts(five());
    const dry = await site.cleanup({ maxBytes: 330, dryRun: true });
    expect(site.purgedNames()).toEqual(["a:t1", "b:t2"]);
    expect(site.root.has("output/a/t1")).toBe(true);
    site.purged.length = 0;
    const { result } = await site.cleanup({ maxBytes: 330 });
    expect(result).toMatchObject({
      purged: 2,
      purgedForSpace: 2,
      finishedBytes: 550,
      files: 4,
      bytes: 220,
      candidates: 2,
    });
    expect(counts(dry.result)).toEqual(counts(result));
    expect(site.purged.map(({ reason }) => reason)).toEqual(["max-bytes", "max-bytes"]);
    expect((await site.cleanup({ maxBytes: 330 })).result).toMatchObject({ purged: 0, finishedBytes: 330 });
    expect(site.root.readStore()).toHaveLength(3);
    expect(await site.server.call("ZCARD", "tts:tasks:index")).toBe(3);
  });

  it("purges Redis-only tasks too, and works on the file if Redis is down", async () => {
    const { site } = here;
    const [t1, ...others] = five();
    site.root.writeStore(others);
    await site.writeRedis(t1!, ...others);
    site.root.writeArtifacts(five());
    await site.cleanup({ maxBytes: 440 });
    expect(site.purgedNames()).toEqual(["a:t1"]);
    site.flaky.goDown();
    const { result, problem } = await site.cleanup({ maxBytes: 330 });
    expect(problem?.code).toBe("REDIS_UNAVAILABLE");
    expect(result).toMatchObject({ purged: 1, purgedForSpace: 1 });
    expect(site.purgedNames()).toEqual(["a:t1", "b:t2"]);
  });

  it("counts a shared log and a file with two names once, for the last purged task", async () => {
    const { site } = here;
    const tasks = [
      hours("a", "t1", 9),
      hours("b", "t1", 8),
      hours("c", "t1", 7, { status: "running" }),
      hours("a", "t2", 6),
    ];
    await site.writeBoth(...tasks, hours("b", "t2", 5));
    site.root.writeArtifacts(tasks);
    site.root.write("output/b/t2/own.wav", "x".repeat(50));
    linkSync(site.root.at("output/a/t2/t2.wav"), site.root.at("output/b/t2/linked.wav"));
    symlinkSync(site.root.at("output/c/t1/t1.wav"), site.root.at("output/b/t2/elsewhere.wav"));
    site.root.age();
    // a:t1 100, b:t1 100 (their log is the running task's), a:t2 none (its file is b:t2's too), b:t2 150 and the log.
    const dry = await site.cleanup({ maxBytes: 1, dryRun: true });
    expect(dry.result).toMatchObject({ finishedBytes: 360, purged: 3 });
    await site.cleanup({ maxBytes: 160 });
    expect(site.root.has("output/c/t1/t1.wav")).toBe(true);
    expect(site.root.has("Logs/20200101/08/t1.log")).toBe(true);
    expect(site.root.has("output/b/t2/linked.wav")).toBe(true);
  });
});
