import { describe, expect, it } from "vitest";
import { openArtifacts } from "../../src/artifacts/artifacts.ts";
import type { StatsResult } from "../../src/operations/stats/stats.ts";
import { countTasks, estimateCleanup } from "../../src/operations/stats/stats.ts";
import type { MirrorLink, SourceChoice } from "../../src/store/mirror-link.ts";
import { Zone } from "../../src/task/time.ts";
import { linkTo } from "../helpers/doubles.ts";
import { ago, record } from "../helpers/records.ts";
import { POLICY, useSite } from "./setup.ts";

const here = useSite();
const DAY = 86_400;

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

describe("stats", () => {
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
});
