import type { Kind, VerifyResult } from "../operations/verify/classify.ts";
import type { Drift } from "../operations/verify/drift.ts";
import type { TaskId } from "../store/task-source.ts";
import { counted } from "../task/amounts.ts";

/** What each kind means, in the order of the table: missing copies first, indexes last. */
const MEANINGS: Readonly<Record<Kind, string>> = {
  onlyInFile: "missing in Redis",
  onlyInRedis: "missing in the file",
  stale: "older in Redis",
  newerInRedis: "newer in Redis",
  differs: "same time, different content",
  partial: "its key in Redis isn't the complete hash of a task",
  dangling: "an index member without a hash",
  unindexed: "missing in an index",
  wrongScore: "wrong time in an index",
  misplaced: "also in the index of another user",
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
  if (traits.length > 0 && ours.length === 0) return "kept";
  switch (kind) {
    case "partial": {
      const written = ours.some(({ inFile }) => inFile) ? ["written to Redis"] : [];
      const left = ours.some(({ inFile }) => !inFile) ? [prune ? "deleted from Redis" : "kept"] : [];
      return [...written, ...left].join(", or ");
    }
    case "onlyInRedis":
      return prune ? "deleted from Redis" : restore ? "written to the file" : "kept";
    case "newerInRedis":
      return "written to the file";
    case "dangling":
      return "written to Redis, or member removed";
    case "misplaced":
      return "member removed";
    case "unindexed":
    case "wrongScore":
      return "index repaired";
    default:
      return "written to Redis";
  }
}

export function headline({ checked, inSync, invalid }: VerifyResult, drifted: number): string {
  const left = invalid === 0 ? "" : `; ${counted(invalid, "invalid record")} in the file skipped`;
  return `${counted(checked, "task")} compared: ${inSync} in sync, ${drifted} out of sync${left}\n`;
}

/** What the repair did, and what to do next. */
export function footer({ repaired }: VerifyResult, drift: Drift, flags: RepairFlags): string {
  const { records, fragments, stuck } = drift.left;
  const lines: string[] = [];
  if (flags.repair) {
    const done = flags.dryRun ? "would be repaired (dry run: nothing was changed)" : "repaired";
    lines.push(`${repaired} of ${drift.size} ${done}`);
    if (records > 0 && !flags.prune && !flags.restore) {
      lines.push(REDIS_ONLY);
    } else if (fragments > 0 && !flags.prune) lines.push(`${FRAGMENTS} --prune deletes them`);
  } else if (drift.size > stuck) lines.push(advice(records, fragments, drift.size - stuck));
  if (stuck > 0) lines.push(`${counted(stuck, "task")} can't be repaired here; use redis-cli as the warnings describe`);
  if (drift.brokenIndexes > 0)
    lines.push(`repair needs ${counted(drift.brokenIndexes, "index key")} removed first; the warnings name them`);
  return `${lines.join("\n")}\n`;
}

const FRAGMENTS = "Redis-only fragments of records:";
const REDIS_ONLY = "Redis-only tasks are kept: --restore copies them to the file, --prune deletes them";

/** How to fix the drift. Redis-only tasks may have been lost in the file or deleted, so the operator decides. */
function advice(records: number, fragments: number, drifted: number): string {
  const first = "preview with --dry-run";
  if (fragments === drifted) return `${FRAGMENTS} \`ttsctl verify --repair --prune\` deletes them; ${first}`;
  if (records + fragments === drifted) {
    return `\`ttsctl verify --repair --restore\` copies these tasks to the file, \`--repair --prune\` deletes them; ${first}`;
  }
  const rest = records + fragments > 0 ? `\n${REDIS_ONLY}` : "";
  return `fix with \`ttsctl verify --repair\`; ${first}${rest}`;
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
