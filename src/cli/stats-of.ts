import { policyOf } from "../operations/purge/policy.ts";
import type { StatsResult } from "../operations/stats/types.ts";
import type { SourceChoice } from "../store/read-first.ts";
import type { Context } from "./context.ts";

/** Which stats. */
export interface StatsAsked {
  readonly source: SourceChoice;
  readonly userId: string | undefined;
  /** Whether audio and logs are looked at. */
  readonly disk: boolean;
  /** Whether it is worked out what a cleanup would free. */
  readonly estimate: boolean;
}

/**
 * `stats -o json`, with what that needs opened for it.
 * @throws TtsctlError as `countTasks`
 */
export async function statsOf(context: Context, asked: StatsAsked): Promise<StatsResult> {
  const { countTasks } = await import("../operations/stats/stats.ts");
  const { cleanup } = await context.settings();
  const now = context.clock.now();
  const artifacts = asked.disk ? await context.artifacts() : null;
  const parts = {
    ...{ file: await context.fileStore(), link: await context.mirrorLink(), artifacts, reporter: context.reporter },
    estimate: async () => (asked.estimate ? estimate(context, asked) : null),
  };
  const rule = { now, after: cleanup.stuckAfter.value, offset: (await context.zone()).offsetAt(now) };
  return countTasks(parts, { source: asked.source, userId: asked.userId, rule });
}

/** By the policy in force. A store that is forced alone cannot say it without the file. */
async function estimate(context: Context, { source, disk, userId }: StatsAsked) {
  const { cleanup } = await context.settings();
  if (source === "redis" || cleanup.retention.value <= 0) return null;
  const [{ estimateCleanup }, { noArtifacts }] = await Promise.all([
    import("../operations/stats/stats.ts"),
    import("../artifacts/artifacts.ts"),
  ]);
  const policy = policyOf(cleanup);
  const parts = {
    ...{ file: await context.fileStore(), clock: context.clock, reporter: context.reporter },
    mirror: source === "file" ? ({ kind: "off" } as const) : await context.mirrorState(),
    artifacts: disk ? await context.artifacts() : noArtifacts(),
  };
  const known = disk ? policy : { ...policy, maxBytes: 0 };
  return estimateCleanup(parts, known, { userId, withFiles: disk });
}
