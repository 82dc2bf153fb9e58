import { linkSync } from "node:fs";
import { expect, it } from "vitest";
import { openArtifacts } from "../../src/artifacts/artifacts.ts";
import type { StatsResult } from "../../src/operations/stats/stats.ts";
import { countTasks, estimateCleanup } from "../../src/operations/stats/stats.ts";
import { linkTo } from "../helpers/doubles.ts";
import { ago, record, UTC } from "../helpers/records.ts";
import { POLICY, useSite } from "./setup.ts";

const here = useSite();

async function stats(userId?: string): Promise<StatsResult> {
  const { site } = here;
  using artifacts = openArtifacts({ output: site.root.at("output"), logs: site.root.at("Logs") });
  const common = { file: site.file, artifacts, reporter: site.reporter };
  const cleanup = { ...common, mirror: site.state, clock: site.clock };
  const estimate = (known: object) => estimateCleanup({ ...cleanup, ...known }, POLICY, { userId, withFiles: true });
  const rule = { now: Date.now() / 1000, after: 86_400, zone: UTC };
  const parts = { ...common, link: linkTo(site.mirror), estimate };
  return await countTasks(parts, { source: "auto", userId, rule });
}

it("stats measures audio and logs by status and user, with shared and orphaned ones", async () => {
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
  const one = await stats("b");
  expect(one.disk).toMatchObject({ audioBytes: 100, logBytes: 20, unowned: { audioBytes: 0 } });
  expect(one.cleanup?.tasks).toBe(2);
  expect(site.root.readStore()).toHaveLength(4);
  linkSync(site.root.at("output/a/t1/t1.wav"), site.root.at("output/b/t3/same.wav"));
  expect((await stats()).disk).toMatchObject({ audioBytes: 400 }); // a file of two names counts once
});
