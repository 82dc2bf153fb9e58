import type { Command } from "commander";
import type { StatsResult } from "../../operations/stats/types.ts";
import type { SourceChoice } from "../../store/read-first.ts";
import { formatUtc } from "../../task/time.ts";
import type { Attach } from "../attach.ts";
import type { Context } from "../context.ts";
import { DONE, emit } from "../emit.ts";
import { keepHeapSmall } from "../heap.ts";
import { addSource, addWatch, userOf } from "../selection.ts";
import { statsOf } from "../stats-of.ts";

interface StatsFlags {
  readonly user?: string;
  readonly source: SourceChoice;
  /** False for --no-disk. */
  readonly disk: boolean;
  /** Seconds between two looks. */
  readonly watch?: number;
}

export function declareStats(program: Command, attach: Attach): void {
  const command = program
    .command("stats")
    .description("counts by status and user, ages, tasks per hour, disk use, and what a cleanup would free")
    .option("-u, --user <id>", "only the tasks of this user")
    .option("--no-disk", "do not look at audio and logs, which takes long on a huge disk")
    .addHelpText("after", EXAMPLES);
  addWatch(addSource(command));
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
  ttsctl stats --source file --no-disk       from the file alone, without a look at the disk
  ttsctl stats --watch 10                    every ten seconds, drawn in place`;

async function runStats(context: Context, flags: StatsFlags): Promise<number> {
  keepHeapSmall();
  const stats = await statsOf(context, { ...flags, userId: await userOf(context, flags), estimate: true });
  const zone = await context.zone();
  await emit(context, {
    json: () => [`${JSON.stringify(stats)}\n`],
    csv: async () => (await import("../../render/stats.ts")).statsCsv(stats),
    show: async () => context.terminal.out.write(await describeStats(context, stats)),
  });
  return DONE;

  async function describeStats(context: Context, stats: StatsResult): Promise<string> {
    const { statsText } = await import("../../render/stats.ts");
    const hour = (iso: string) => {
      const epoch = Date.parse(iso) / 1000;
      return formatUtc(epoch + zone.offsetAt(epoch)).slice(11, 13);
    };
    const wide = context.flags.output === "wide";
    return statsText(stats, {
      ...(await context.terminal.tableStyle(context.flags)),
      wide,
      hour,
      height: context.terminal.height,
    });
  }
}
