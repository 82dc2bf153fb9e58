import type { Command } from "commander";
import { TtsctlError } from "../../errors.ts";
import type { MaxDelete } from "../../operations/brake.ts";
import type { MarkedTask, MarkOptions, MarkResult } from "../../operations/mark/types.ts";
import type { Selection } from "../../operations/select.ts";
import { KNOWN_STATUS_WORDS, SHOWN_STATUSES, shownStatus } from "../../task/status.ts";
import type { Attach } from "../attach.ts";
import { audited } from "../audited.ts";
import { planConfirmation } from "../confirm.ts";
import type { Context } from "../context.ts";
import { DONE, emitObject, lineOutput, PARTLY } from "../emit.ts";
import { FLAG_NAMES, maxDelete, rawQueryOf, type SelectionFlags } from "../flags.ts";
import type { LedgerRun } from "../ledger.ts";
import { addSelection } from "../selection.ts";

interface MarkFlags extends SelectionFlags {
  /** The new status; which tasks are meant says whereStatus. */
  readonly status?: string;
  readonly whereStatus?: string;
  readonly error?: string;
  readonly all: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly maxMark?: MaxDelete;
  readonly allowEmpty: boolean;
}

/** The word that is written, and as it is shown. */
type NewStatus = Pick<MarkOptions, "status" | "shown">;

const NAMES = { ...FLAG_NAMES, statuses: "--where-status" };

export function declareMark(program: Command, attach: Attach): void {
  const command = program
    .command("mark")
    .description(
      "set the status of chosen tasks, in the file first and then in Redis: of a task stuck in run after a crash",
    )
    .option("--status <word>", "the new status: wait, run, done, error, or the service's own word")
    .option("--error <text>", "what went wrong; without it an error keeps its text, and any other status has none");
  addSelection(command, "-w, --where-status <words>")
    .option("--all", "choose every task", false)
    .option("-y, --yes", "do not ask", false)
    .option("--dry-run", "print the plan and change nothing", false)
    .option("--max-mark <n|p%>", "refuse to mark more than this (default: no limit)", maxDelete)
    .option("--allow-empty", "a store file that is missing or has no tasks is meant", false)
    .addHelpText("after", EXAMPLES);
  attach<MarkFlags>(command, runMark);
}

const EXAMPLES = `
The tasks are chosen with the other flags; --status is what they become. A task that the service changes meanwhile,
and one that Redis has newer than the file, stays as it is.
Examples:
  ttsctl mark --user bob --ids t07 --status error --error "the worker died"
  ttsctl mark --where-status run --until 1d --status error --error "stuck" --dry-run
  ttsctl mark --user alice --where-status error --status queued --yes     give them back to the service`;

async function runMark(context: Context, flags: MarkFlags): Promise<number> {
  const status = checkNewStatus(flags.status);
  refuseEmptySelection(flags);
  const { buildFilter, checkIds } = await import("../../operations/list-query.ts");
  const { status: _, whereStatus, ...rest } = flags;
  const raw = rawQueryOf({ ...rest, ...(whereStatus === undefined ? {} : { status: whereStatus }) });
  const checking = { names: NAMES, times: await context.times(), now: context.clock.now() };
  const selection = { ids: checkIds(raw, checking), filter: buildFilter(raw, checking) };
  await context.requireConfig(false);
  return audited(context, !flags.dryRun, (ledger) => markChosen(context, flags, { selection, status, ledger }));
}

interface Chosen {
  readonly selection: Selection;
  readonly status: NewStatus;
  readonly ledger: LedgerRun | null;
}

async function markChosen(context: Context, flags: MarkFlags, { selection, status, ledger }: Chosen): Promise<number> {
  const [{ markTasks }, { markLine }] = await Promise.all([
    import("../../operations/mark/mark.ts"),
    import("../../render/mark-line.ts"),
  ]);
  const file = await context.changingFileStore();
  if (!flags.dryRun) {
    const lock = await file.lock("run");
    context.onRelease(() => lock.release());
  }
  const lines = lineOutput(context);
  const ask = (count: number) => `Mark ${count} task${count === 1 ? "" : "s"} as ${status.shown}?`;
  const parts = {
    ...{ file, clock: context.clock, reporter: context.reporter, signal: context.signal, ledger },
    mirror: await (await context.mirrorLink()).open(),
    zone: await context.zone(),
    onMarked: (task: MarkedTask) => lines.add(markLine(task, status.shown, flags.dryRun)),
    drain: lines.drain,
    confirm: planConfirmation(context, flags.yes, ask, "marked"),
  };
  const { result, problem } = await markTasks(parts, selection, optionsOf(flags, status));
  ledger?.count(result);
  await lines.drain();
  await emitObject(context, result, () => describeMark(result, status.shown));
  return exitCodeOf(context, result, problem);
}

function optionsOf(flags: MarkFlags, status: NewStatus): MarkOptions {
  const { dryRun, allowEmpty } = flags;
  const kept = status.shown === "error" ? undefined : null;
  const error = flags.error === undefined ? kept : flags.error === "" ? null : flags.error;
  return { ...status, error, dryRun, allowEmpty, maxMark: flags.maxMark ?? null };
}

/** The word that is written, as it was given but for case and spaces, and as it is shown. */
function checkNewStatus(text: string | undefined): NewStatus {
  const accepted = `accepted: ${SHOWN_STATUSES.join(", ")}, and the service's words ${KNOWN_STATUS_WORDS.join(", ")}`;
  if (text === undefined) {
    throw new TtsctlError("USAGE", "no new status", { hint: `say it with --status; ${accepted}` });
  }
  const shown = shownStatus(text);
  if (shown !== undefined) return { shown, status: text.replace(/\s+/g, "").toLowerCase() };
  throw new TtsctlError("USAGE", `--status: unknown status ${JSON.stringify(text)}`, { hint: accepted });
}

function refuseEmptySelection({ user, ids, whereStatus, since, until, all }: MarkFlags): void {
  const chosen = [user, ids, whereStatus, since, until].some((flag) => flag !== undefined);
  if (chosen !== all) return;
  throw new TtsctlError("USAGE", all ? "--all and a selection exclude each other" : "no tasks chosen", {
    hint: "choose with --user, --ids, --where-status, --since, --until, or say --all; --status is what they become",
  });
}

function exitCodeOf(context: Context, result: MarkResult, problem: TtsctlError | null): number {
  if (context.signal.aborted) {
    throw new TtsctlError("INTERRUPTED", `interrupted: ${result.marked} tasks were marked`, {
      hint: "run it again to finish, and `ttsctl sync` for Redis",
    });
  }
  if (problem !== null) {
    const what = result.dryRun ? "the file alone was looked at" : "the file alone is sure to be marked";
    context.reporter.warn(`${problem.message}: ${what}; when Redis is back run \`ttsctl sync\``);
  }
  const { missing, refused, failed, returned } = result;
  return missing.length + refused.length + failed + returned > 0 || problem !== null ? PARTLY : DONE;
}

function describeMark(result: MarkResult, shown: string): string {
  const done = result.dryRun ? `would be marked as ${shown}` : `marked as ${shown}`;
  const lines = [`${result.marked} of ${result.requested} chosen tasks ${done}`];
  if (result.unchanged > 0) lines.push(`${result.unchanged} had that status already`);
  if (result.missing.length > 0) lines.push(`not found: ${result.missing.map((id) => JSON.stringify(id)).join(", ")}`);
  if (result.refused.length > 0) lines.push(`${result.refused.length} refused (named above)`);
  if (result.failed > 0) lines.push(`${result.failed} failed (named above)`);
  if (result.returned > 0) lines.push(`${result.returned} came back: the service holds the store in memory`);
  return `${lines.join("\n")}\n`;
}
