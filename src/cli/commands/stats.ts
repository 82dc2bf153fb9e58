import type { Command } from "commander";
import type { StatsRequest } from "../../http/parts.ts";
import { policyOf } from "../../operations/purge/policy.ts";
import type { StatsResult } from "../../operations/stats/types.ts";
import { statsText, userCells } from "../../render/stats.ts";
import type { SourceChoice } from "../../store/mirror-link.ts";
import { formatUtc } from "../../task/time.ts";
import type { Attach, Context } from "../context.ts";
import { DONE, emit } from "../emit.ts";
import { addSource, addUser, addWatch, userOf } from "../selection.ts";

interface StatsFlags {
  readonly user?: string;
  readonly source: SourceChoice;
  /** False for --no-disk. */
  readonly disk: boolean;
  /** Seconds between two runs. */
  readonly watch?: number;
}

export function declare(program: Command, attach: Attach): void {
  const command = program
    .command("stats")
    .description("counts by status and user, ages, tasks per hour, disk use, and what a cleanup would free")
    .option("--no-disk", "skip audio and logs, which take long on a huge disk")
    .addHelpText("after", EXAMPLES);
  addWatch(addSource(addUser(command)));
  attach<StatsFlags>(command, async (context, flags) => {
    const show = (once: Context) => runStats(once, flags);
    if (flags.watch === undefined) return show(context);
    const { live } = await import("../live.ts");
    return live(context, flags.watch, show);
  });
}

const EXAMPLES = `
Examples:
  ttsctl stats
  ttsctl stats --user alice -o json
  ttsctl stats --source file --no-disk       only from the file, without measuring audio and logs
  ttsctl stats --watch 10                    every ten seconds, redrawn in place`;

async function runStats(context: Context, flags: StatsFlags): Promise<number> {
  const stats = await statsOf(context, { ...flags, userId: await userOf(context, flags), estimate: true });
  const zone = await context.zone();
  const hour = (iso: string) => {
    const epoch = Date.parse(iso) / 1000;
    return formatUtc(epoch + zone.offsetAt(epoch)).slice(11, 13);
  };
  const style = { wide: context.flags.output === "wide", hour, height: context.terminal.height };
  await emit(context, {
    json: () => [`${JSON.stringify(stats)}\n`],
    csv: ({ csvOfRows }) => csvOfRows(...userCells(stats)),
    show: async () => context.terminal.out.write(statsText(stats, { ...(await context.tableStyle()), ...style })),
  });
  return DONE;
}

interface StatsAsked extends StatsRequest {
  readonly source: SourceChoice;
}

/** @throws TtsctlError as `countTasks` */
export async function statsOf(context: Context, asked: StatsAsked): Promise<StatsResult> {
  const { countTasks } = await import("../../operations/stats/stats.ts");
  const { cleanup } = await context.settings();
  const now = context.clock.now();
  const artifacts = asked.disk ? await context.artifacts() : null;
  const parts = {
    ...(await context.stores()),
    artifacts,
    reporter: context.reporter,
    estimate: async () => (asked.estimate ? estimate(context, asked) : null),
  };
  const rule = { now, after: cleanup.stuckAfter.value, zone: await context.zone() };
  return countTasks(parts, { source: asked.source, userId: asked.userId, rule });
}

/** Null if the file, which is needed, may not be read. */
async function estimate(context: Context, { source, disk, userId }: StatsAsked) {
  const { cleanup } = await context.settings();
  if (source === "redis" || cleanup.retention.value <= 0) return null;
  const [{ estimateCleanup }, { noArtifacts }] = await Promise.all([
    import("../../operations/stats/stats.ts"),
    import("../../artifacts/artifacts.ts"),
  ]);
  const policy = policyOf(cleanup);
  const parts = {
    file: await context.fileStore(),
    clock: context.clock,
    reporter: context.reporter,
    mirror: source === "file" ? ({ kind: "off" } as const) : await context.mirrorState(),
    artifacts: disk ? await context.artifacts() : noArtifacts(),
  };
  const known = disk ? policy : { ...policy, maxBytes: 0 };
  return estimateCleanup(parts, known, { userId, withFiles: disk });
}
