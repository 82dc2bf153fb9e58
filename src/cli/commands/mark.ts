import type { Command } from "commander";
import { isRedisError, type TtsctlError, throwIfInterrupted, usage } from "../../errors.ts";
import type { MaxDelete } from "../../operations/brake.ts";
import type { MarkOptions, MarkParts, MarkResult } from "../../operations/mark/mark.ts";
import type { Selection } from "../../operations/select.ts";
import { audited, type LedgerRun } from "../../parts/ledger.ts";
import { counted } from "../../task/amounts.ts";
import { KNOWN_STATUS_WORDS, SHOWN_STATUSES, shownStatus } from "../../task/status.ts";
import { confirmation } from "../confirm.ts";
import type { Attach, Context } from "../context.ts";
import { DONE, emitObject, PARTLY, textOf, unchangedLines } from "../emit.ts";
import {
  addDestructive,
  addSelection,
  type ChangeFlags,
  choosesTasks,
  requireSelection,
  type SelectionFlags,
  selectionOf,
} from "../selection.ts";

interface MarkFlags extends SelectionFlags, Omit<ChangeFlags, "maxDelete"> {
  /** The new status. */
  readonly to?: string;
  readonly error?: string;
  readonly backup?: string;
  readonly all: boolean;
  readonly maxMark?: MaxDelete;
}

/** A status as written to the record, and as shown. */
type NewStatus = Pick<MarkOptions, "status" | "shown">;

const CHOOSE = "choose with --user, --ids, --status, --since, --until, --stuck, or --all; --to is the new status";

export function declare(program: Command, attach: Attach): void {
  const command = program
    .command("mark")
    .description("set the status of chosen tasks, such as those stuck in run after a crash, in both stores")
    .option("--to <status>", "the new status: wait, run, done, error, or the service's own word")
    .option(
      "--error <text>",
      "the error text; by default, it is kept if the new status is error and cleared otherwise",
    );
  addSelection(command).option("--all", "choose every task", false).addHelpText("after", EXAMPLES);
  addDestructive(command, "no limit", "do not ask", { verb: "mark", backedUp: "marked" });
  attach<MarkFlags>(command, runMark);
}

const EXAMPLES = `
--to is the new status. A task is kept as it is if the service changes it during
the run, or if its copy in Redis is newer.
Examples:
  ttsctl mark --user bob --ids t07 --to error --error "the worker died"
  ttsctl mark --stuck --to error --error "the worker died" --dry-run
  ttsctl mark --user alice --status error --to queued --yes --backup before.jsonl     retry them`;

async function runMark(context: Context, flags: MarkFlags): Promise<number> {
  const status = checkNewStatus(flags.to);
  requireSelection(choosesTasks(flags), flags.all, CHOOSE);
  const selection = await selectionOf(context, flags);
  await context.requireConfig(false);
  const ask = (count: number) => `Mark ${counted(count, "task")} as ${status.shown}?`;
  const confirm = confirmation(context, flags.yes, ask, "marked");
  return audited(context, !flags.dryRun, async (ledger) => {
    const backup = await context.openBackup(flags);
    const outcome = await markChosen(context, optionsOf(flags, status), { selection, ledger, confirm, backup });
    await emitObject(context, outcome.result, () => describeMark(outcome.result, status.shown));
    return markExitCode(context, outcome);
  });
}

interface Marking extends Pick<MarkParts, "confirm" | "backup"> {
  readonly selection: Selection;
  readonly ledger: LedgerRun | null;
}

interface MarkOutcome {
  readonly result: MarkResult;
  /** Why Redis may lack marks. */
  readonly problem: TtsctlError | null;
}

/**
 * Marks chosen tasks. The run lock is held until the context is released.
 * @throws TtsctlError as `markTasks`, LOCK_TIMEOUT
 */
export async function markChosen(
  context: Context,
  options: MarkOptions,
  { selection, ledger, ...rest }: Marking,
): Promise<MarkOutcome> {
  const { markTasks } = await import("../../operations/mark/mark.ts");
  const parts = {
    ...(await context.changeParts(ledger, options.dryRun)),
    mirror: await context.mirrorState(),
    rules: await context.rules(),
    ...rest,
  };
  const outcome = await markTasks(parts, selection, options);
  ledger?.count(outcome.result);
  return outcome;
}

export function optionsOf(
  flags: Pick<MarkFlags, "dryRun" | "allowEmpty" | "error" | "maxMark" | "backup">,
  status: NewStatus,
): MarkOptions {
  const { dryRun, allowEmpty, backup } = flags;
  const kept = status.shown === "error" ? undefined : null;
  const error = flags.error === undefined ? kept : flags.error === "" ? null : flags.error;
  return { ...status, error, dryRun, allowEmpty, maxMark: flags.maxMark ?? null, isBackedUp: backup !== undefined };
}

/**
 * The status as written to the record (as given, without case and spaces), and as shown.
 * @param names of the new status, and of the status that chooses tasks
 */
export function checkNewStatus(text: string | undefined, names = { to: "--to", statuses: "--status" }): NewStatus {
  const accepted = `accepted: ${SHOWN_STATUSES.join(", ")}, and the service's words ${KNOWN_STATUS_WORDS.join(", ")}`;
  if (text === undefined)
    throw usage(`mark needs a new status: ${names.to} STATUS`, `${names.statuses} chooses tasks; ${accepted}`);
  const shown = shownStatus(text);
  if (shown !== undefined) return { shown, status: text.replace(/\s+/g, "").toLowerCase() };
  throw usage(`${names.to}: unknown status ${JSON.stringify(text)}`, accepted);
}

/** Also warns if Redis was left out. @throws TtsctlError INTERRUPTED */
export function markExitCode(context: Context, { result, problem }: MarkOutcome): number {
  const hint = "run it again to finish, and `ttsctl sync` for Redis";
  throwIfInterrupted(context.signal, `${counted(result.marked, "task")} marked`, hint);
  if (problem !== null) {
    const when = isRedisError(problem) ? "when Redis is back, " : "";
    const what = result.dryRun
      ? "only the file was checked"
      : `tasks were marked in the file, but may be unchanged in Redis; ${when}run \`ttsctl sync\``;
    context.reporter.warn(`${problem.message}: ${what}`);
  }
  const { missing, refused, failed, returned } = result;
  return missing.length + refused.length + failed + returned > 0 || problem !== null ? PARTLY : DONE;
}

export function describeMark(result: MarkResult, shown: string): string {
  const { marked, requested, dryRun, unchanged, returned } = result;
  return textOf(
    `${marked} of ${counted(requested, "chosen task")} ${dryRun ? "would be marked" : "marked"} as ${shown}`,
    unchanged > 0 && `${unchanged} had that status already`,
    ...unchangedLines(result),
    returned > 0 && `${returned} written back by the service, which holds the store in memory`,
  );
}
