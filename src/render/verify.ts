import type { Drift } from "../operations/verify/drift.ts";
import type { Kind, VerifyResult } from "../operations/verify/kinds.ts";
import type { TaskId } from "../store/task-source.ts";
import { counted } from "../task/counted.ts";

/** What each kind means, in the order in which people want to know: what misses first, the indexes last. */
const MEANINGS: Readonly<Record<Kind, string>> = {
  onlyInFile: "Redis does not have it",
  onlyInRedis: "the file does not have it",
  stale: "Redis has an older record",
  newerInRedis: "the file has an older record",
  differs: "of the same time, with other content",
  partial: "its key in Redis isn't the complete hash of a task",
  dangling: "an index names it, and it has no hash",
  unindexed: "it misses in an index",
  wrongScore: "an index has it at another time",
  misplaced: "the index of another user has it too",
};
const ORDER = Object.keys(MEANINGS) as Kind[];

/** What the command was asked to do about drift. */
export interface RepairFlags {
  readonly repair: boolean;
  readonly prune: boolean;
  readonly restore: boolean;
  readonly dryRun: boolean;
}

/** The kinds that occur: count, meaning, and what a repair does, as rows of a table. */
export function kindRows(result: VerifyResult, drift: Drift, flags: RepairFlags): string[][] {
  return ORDER.filter((kind) => result[kind] > 0).map((kind) => [
    ...[kind, String(result[kind]), MEANINGS[kind]],
    ...(flags.repair ? [remedy(kind, drift, flags)] : []),
  ]);
}

function remedy(kind: Kind, drift: Drift, { prune, restore }: RepairFlags): string {
  const traits = [...drift.suspectsOf(kind)].map((suspect) => drift.suspects.traits(suspect));
  const ours = traits.filter(({ isForeign, isUnnamed }) => !isForeign && !isUnnamed);
  if (traits.length > 0 && ours.length === 0) return "left as it is";
  switch (kind) {
    case "partial": {
      const written = ours.some(({ inFile }) => inFile) ? ["written to Redis"] : [];
      const left = ours.some(({ inFile }) => !inFile) ? [prune ? "removed from Redis" : "left as it is"] : [];
      return [...written, ...left].join(", or ");
    }
    case "onlyInRedis":
      return prune ? "removed from Redis" : restore ? "written to the file" : "left as it is";
    case "newerInRedis":
      return "written to the file";
    case "dangling":
      return "written to Redis, or the member removed";
    case "misplaced":
      return "the member removed";
    case "unindexed":
    case "wrongScore":
      return "the index mended";
    default:
      return "written to Redis";
  }
}

export function headline({ checked, inSync, invalid }: VerifyResult, drifted: number): string {
  const left = invalid === 0 ? "" : `; ${counted(invalid, "invalid record")} of the file left alone`;
  return `${counted(checked, "task")} compared: ${inSync} in step, ${drifted} not${left}\n`;
}

/** What was done about it, and what to do next. */
export function footer({ repaired }: VerifyResult, drift: Drift, flags: RepairFlags): string {
  const { records, fragments, stuck } = drift.left;
  const lines: string[] = [];
  if (flags.repair) {
    const done = flags.dryRun ? "would be repaired (dry run: nothing was changed)" : "repaired";
    lines.push(`${repaired} of ${drift.size} ${done}`);
    if (records > 0 && !flags.prune && !flags.restore) {
      lines.push("what only Redis has: --restore puts it into the file, --prune removes it");
    } else if (fragments > 0 && !flags.prune) lines.push(`${FRAGMENTS} --prune deletes them`);
  } else if (drift.size > stuck) lines.push(advice(records, fragments, drift.size - stuck));
  if (stuck > 0)
    lines.push(`${counted(stuck, "task")} of these can't be repaired here: use redis-cli, as the warnings say`);
  return `${lines.join("\n")}\n`;
}

const FRAGMENTS = "Redis-only fragments of records:";

/** What to do about drift: a repair does not guess whether what only Redis has was lost or deleted. */
function advice(records: number, fragments: number, drifted: number): string {
  const first = "see it first with --dry-run";
  if (fragments === drifted) return `${FRAGMENTS} \`ttsctl verify --repair --prune\` deletes them; ${first}`;
  if (records + fragments === drifted) {
    return `\`ttsctl verify --repair --restore\` puts this into the file, \`--repair --prune\` removes it; ${first}`;
  }
  const rest = "but what only Redis has: that --restore puts into the file, and --prune removes";
  return `\`ttsctl verify --repair\` mends this${records + fragments > 0 ? `, ${rest}` : ""}; ${first}`;
}

/** How many tasks of a kind people are shown. */
export const SHOWN = 20;

/** The tasks of each kind, at most `most` of one, as rows of a table. */
export function* detailRows(drift: Drift, most = Number.POSITIVE_INFINITY): Generator<string[]> {
  for (const kind of ORDER) for (const { userId, taskId } of first(drift.of(kind), most)) yield [kind, userId, taskId];
}

function* first<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left-- === 0) return;
    yield item;
  }
}

/** `verify --details -o json`, in pieces: there may be a million tasks. */
export function* detailsJson(result: VerifyResult, drift: Drift): Generator<string> {
  yield `${JSON.stringify(result).slice(0, -1)},"tasks":{`;
  let between = "";
  for (const kind of ORDER) {
    yield `${between}"${kind}":[`;
    between = ",";
    let comma = "";
    for (const id of drift.of(kind)) {
      yield comma + JSON.stringify(idsOf(id));
      comma = ",";
    }
    yield "]";
  }
  yield "}}\n";
}

/** The tasks alone, one a line. */
export function* detailsJsonLines(drift: Drift): Generator<string> {
  for (const kind of ORDER) {
    for (const id of drift.of(kind)) yield `${JSON.stringify({ kind, ...idsOf(id) })}\n`;
  }
}

function idsOf({ userId, taskId }: TaskId): { user_id: string; task_id: string } {
  return { user_id: userId, task_id: taskId };
}
