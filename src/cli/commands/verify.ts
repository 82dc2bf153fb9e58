import { finished } from "../../app/ended.ts";
import { audited } from "../../app/ledger.ts";
import { usage } from "../../errors.ts";
import type { Drift, Kind } from "../../operations/verify/drift.ts";
import type { VerifyOutcome } from "../../operations/verify/verify.ts";
import { textOf } from "../../render/item-lines.ts";
import { counted } from "../../task/amounts.ts";
import type { CommandSpec, Context, Flags } from "../context.ts";
import { addPruning, refuseFlags, tellNobody, userOf } from "../selection.ts";

export const spec: CommandSpec = {
  about: "compare the store file and Redis, record by record; exit code 3 if they differ",
  declare(command) {
    command
      .option("--details", "also list the tasks", false)
      .option("--repair", "repair the differences; Redis-only tasks are kept", false)
      .option("--prune", "with --repair: delete Redis-only tasks", false)
      .option("--restore", "with --repair: copy Redis-only tasks to the store file", false);
    addPruning(command);
  },
  async run(context, flags) {
    const { repair, prune, restore, dryRun, details } = flags;
    const isCsv = context.flags.output === "csv";
    if (isCsv && !details) throw usage("-o csv needs --details", "it has a row for each task that differs");
    if (prune && restore) {
      const hint = "--prune deletes Redis-only tasks, --restore copies them to the store file";
      throw usage("--prune can't be used with --restore", hint);
    }
    const ofRepair = ["--prune", "--restore", "--dry-run", "--max-delete", "--allow-empty", "--allow-mismatch"];
    if (!repair) refuseFlags(flags, ofRepair, "without --repair");
    const userId = await userOf(context, flags);
    if (prune || restore) await context.requireConfig(false);
    const { verify, verifyAndRepair } = await import("../../operations/verify/verify.ts");
    const scope = userId === undefined ? {} : { userId };
    const { outcome, exitCode, error } = await audited(context, repair && !dryRun, async (ledger) => {
      // First the file, because it prints warnings that may explain a missing Redis.
      const file = await (repair ? context.changingFileStore() : context.fileStore());
      const mirror = await context.mirror();
      const confirm = context.confirmation(flags.yes, (count) => `Delete ${counted(count, "Redis-only task")}?`);
      const { clock, reporter, signal } = context; // from here on, a stop signal is waited for
      const changing = { mirror, rules: await context.rules(), confirm };
      const outcome = await (repair
        ? verifyAndRepair({ ...(await context.changeParts(ledger, dryRun, file)), ...changing }, { ...flags, ...scope })
        : verify({ mirror, file, clock, reporter, signal }, scope));
      const { result, drift } = outcome;
      return { ...finished(result, drift.size > (dryRun ? 0 : result.repaired)), outcome };
    });
    await tellNobody(context, userId, outcome.result.checked);
    const { result, drift } = outcome;
    const text = () => describe(context, outcome, flags);
    if (details) {
      await context.emit({
        json: () => detailsJson(result, drift),
        *jsonLines() {
          for (const [kind, user_id, task_id] of detailRows(drift)) {
            yield `${JSON.stringify({ kind, user_id, task_id })}\n`;
          }
        },
        csv: ({ csvOfRows }) => csvOfRows(["kind", "user_id", "task_id"], detailRows(drift)),
        text,
      });
    } else await context.emitObject(result, text);
    if (error !== null) throw error;
    return exitCode;
  },
  examples: `
Examples:
  ttsctl verify                        do the file and Redis agree?
  ttsctl verify --details -o jsonl     every task that differs, one per line
  ttsctl verify --repair --dry-run     what would be repaired, and how
  ttsctl verify --repair --restore     restore a lost store file from Redis`,
};

async function describe(context: Context, outcome: VerifyOutcome, flags: Flags): Promise<string> {
  const { result, drift } = outcome;
  const { checked, inSync, invalid } = result;
  const left = invalid === 0 ? "" : `; ${counted(invalid, "invalid record")} in the file skipped`;
  const title = `${counted(checked, "task")} compared: ${inSync} in sync, ${drift.size} out of sync${left}\n`;
  if (drift.size === 0) return title;
  const head = ["KIND", "TASKS", "MEANING", ...(flags.repair ? ["REPAIR"] : [])];
  const rows = ORDER.filter((kind) => result[kind] > 0).map((kind) => {
    return [kind, String(result[kind]), MEANINGS[kind], ...(flags.repair ? [remedy(kind, drift, flags)] : [])];
  });
  const parts = [title, await context.table(head, rows)];
  if (flags.details) {
    const rows = [...detailRows(drift, SHOWN)];
    parts.push("\n", await context.table(["KIND", "USER", "TASK"], rows, null));
    const more = `and ${drift.size - rows.length} more: only the first ${SHOWN} of each kind are shown; -o jsonl has all\n`;
    if (drift.size > rows.length) parts.push(more);
  }
  return [...parts, footer(outcome, flags)].join("");
}

/** In the order of the table: missing copies first, indexes last. */
const MEANINGS: Readonly<Record<Kind, string>> = {
  onlyInFile: "missing in Redis",
  onlyInRedis: "missing in the file",
  stale: "older in Redis",
  newerInRedis: "newer in Redis",
  differs: "same time, different content",
  partial: "its key in Redis isn't the complete hash of a task",
  dangling: "an index member without a hash",
  unindexed: "missing from an index",
  wrongScore: "wrong time in an index",
  misplaced: "also in the index of another user",
};
const ORDER = Object.keys(MEANINGS) as Kind[];

function remedy(kind: Kind, drift: Drift, { prune, restore, allowEmpty }: Flags): string {
  const keepsMembers = drift.isFileEmpty && !restore && !allowEmpty;
  const owed = drift.isFileEmpty && !restore ? 0 : drift.owed(kind);
  const done = kind === "onlyInRedis" ? "deleted from Redis" : "written to Redis";
  if (owed > 0 && owed === drift.counts[kind]) return done;
  const remedies: Partial<Record<Kind, string>> = {
    partial: `written to Redis if the file has the task, else ${prune ? "deleted" : "kept"}`,
    onlyInRedis: prune ? "deleted from Redis" : restore ? "written to the file" : "kept",
    newerInRedis: "written to the file",
    dangling: keepsMembers ? "kept" : "written to Redis, or member removed",
    misplaced: keepsMembers ? "kept" : "member removed",
    unindexed: "index repaired",
    wrongScore: "index repaired",
  };
  const remedy = remedies[kind] ?? "written to Redis";
  return owed === 0 || remedy === done ? remedy : `${remedy}; ${owed} ${done}, as owed`;
}

function footer({ result: { repaired }, drift, isMisread }: VerifyOutcome, flags: Flags): string {
  const { repair, prune } = flags;
  const { records, fragments, stuck } = drift.left;
  const isKept = repair && records > 0 && !prune && !flags.restore;
  const broken = counted(drift.brokenUsers.size, "index key");
  return textOf(
    repair && `${repaired} of ${drift.size} ${flags.dryRun ? "would be repaired" : "repaired"}`,
    isKept && REDIS_ONLY,
    repair && !isKept && fragments > 0 && !prune && `${FRAGMENTS} --prune deletes them`,
    !repair && !isMisread && drift.size > stuck && advice(drift),
    stuck > 0 && `${counted(stuck, "task")} can't be repaired here; use redis-cli as the warnings describe`,
    drift.brokenUsers.size > 0 && `repair needs ${broken} removed first; the warnings name them`,
  );
}

const FRAGMENTS = "Redis-only fragments of records:";
const REDIS_ONLY = "Redis-only tasks are kept: --restore copies them to the file, --prune deletes them";

/** How to fix the drift. Redis-only tasks may have been lost in the file or deleted, so the operator decides. */
function advice({ size, left: { records, fragments, stuck }, isFileEmpty }: Drift): string {
  const drifted = size - stuck;
  const first = "preview with --dry-run";
  if (fragments === drifted) return `${FRAGMENTS} \`ttsctl verify --repair --prune\` deletes them; ${first}`;
  if (records + fragments === drifted || isFileEmpty) {
    return `\`ttsctl verify --repair --restore\` copies these tasks to the file, \`--repair --prune\` deletes them; ${first}`;
  }
  const rest = records + fragments > 0 ? `\n${REDIS_ONLY}` : "";
  return `fix with \`ttsctl verify --repair\`; ${first}${rest}`;
}

/** Tasks of each kind in the table. */
const SHOWN = 20;

function* detailRows(drift: Drift, most = Number.POSITIVE_INFINITY): Generator<string[]> {
  for (const kind of ORDER) {
    let left = most;
    for (const { userId, taskId } of drift.of(kind)) {
      if (left-- === 0) break;
      yield [kind, userId, taskId];
    }
  }
}

/** `verify --details -o json`, in pieces because there may be a million tasks. */
function* detailsJson(result: VerifyOutcome["result"], drift: Drift): Generator<string> {
  yield `${JSON.stringify(result).slice(0, -1)},"tasks":{`;
  for (const [i, kind] of ORDER.entries()) {
    yield `${i === 0 ? "" : ","}"${kind}":[`;
    let comma = "";
    for (const { userId, taskId } of drift.of(kind)) {
      yield comma + JSON.stringify({ user_id: userId, task_id: taskId });
      comma = ",";
    }
    yield "]";
  }
  yield "}}\n";
}
