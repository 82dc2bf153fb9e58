import { DONE } from "../../app/ended.ts";
import { statsOf } from "../../app/stats.ts";
import { statsText, userCells } from "../../render/stats.ts";
import { formatInZone } from "../../task/time.ts";
import type { CommandSpec, Context, Flags } from "../context.ts";
import { addSource, addUser, addWatch, onceOrLive, tellNobody, userOf } from "../selection.ts";

export const spec: CommandSpec = {
  about: "counts by status and user, ages, tasks per hour, disk use, and what a cleanup would free",
  declare(command) {
    command.option("--no-disk", "skip audio and logs, which take long on a huge disk");
    addWatch(addSource(addUser(command)));
  },
  run: (context, flags) => onceOrLive(context, flags, (once) => runStats(once, flags)),
  examples: `
Examples:
  ttsctl stats
  ttsctl stats --user alice -o json
  ttsctl stats --source file --no-disk       without audio and logs
  ttsctl stats --watch --interval 10         every ten seconds, redrawn in place`,
};

async function runStats(context: Context, flags: Flags): Promise<number> {
  const userId = await userOf(context, flags);
  const stats = await statsOf(context, { ...flags, userId, estimate: true });
  await tellNobody(context, userId, stats.total);
  const { zone } = await context.rules();
  const hour = (iso: string) => formatInZone(Date.parse(iso) / 1000, zone).slice(11, 13);
  const style = { wide: context.flags.output === "wide", hour };
  await context.emit({
    json: () => [`${JSON.stringify(stats)}\n`],
    csv: ({ csvOfRows }) => csvOfRows(...userCells(stats)),
    text: async () => statsText(stats, { ...(await context.tableStyle()), ...style }),
  });
  return DONE;
}
