import { TtsctlError } from "../../errors.ts";
import { audited } from "../../parts/ledger.ts";
import { ofUser } from "../../task/query-fields.ts";
import { OTHER_STATUS, shownStatus } from "../../task/status.ts";
import { type DeletionOutcome, deleteChosen, deletionExitCode, describeDelete } from "../commands/delete.ts";
import {
  checkNewStatus,
  describeMark,
  type MarkOutcome,
  markChosen,
  markExitCode,
  optionsOf,
} from "../commands/mark.ts";
import type { Context } from "../context.ts";
import { errorText } from "../report-error.ts";
import { recordingOf } from "../terminal.ts";
import { type Change, nameOf, type Row } from "./model.ts";

const FLAGS = { dryRun: false, allowEmpty: false, yes: true };

/**
 * Marks or deletes one task as the commands do, if it still has the status that was shown.
 * @returns lines that report the outcome
 */
export async function changeTask(context: Context, row: Row, change: Change): Promise<string[]> {
  const { terminal, takeLines } = recordingOf(context.terminal);
  const fork = context.fork(await context.settings(), { terminal, flags: { verbose: 0 } });
  const lines: string[] = [];
  try {
    lines.push(...(await (change.kind === "delete" ? deleteRow(fork, row) : markRow(fork, row, change.status))));
  } catch (error) {
    if (!(error instanceof TtsctlError)) throw error;
    lines.push(errorText(error));
  } finally {
    await fork.release();
  }
  return [...takeLines().err, ...lines];
}

async function deleteRow(context: Context, row: Row): Promise<string[]> {
  await context.requireConfig(true);
  let outcome: DeletionOutcome | undefined;
  await audited(context, true, async (ledger) => {
    const deletion = { selection: selectionOf(row), ledger, confirm: async () => {} };
    outcome = await deleteChosen(context, { ...FLAGS, force: false }, deletion);
    return deletionExitCode(context, outcome);
  });
  const { result } = outcome!;
  return result.requested === 0 ? [unchanged(row)] : [firstLine(describeDelete(result))];
}

async function markRow(context: Context, row: Row, word: string): Promise<string[]> {
  const status = checkNewStatus(word);
  await context.requireConfig(false);
  let outcome: MarkOutcome | undefined;
  await audited(context, true, async (ledger) => {
    const marking = { selection: selectionOf(row), ledger, confirm: async () => {}, backup: null };
    outcome = await markChosen(context, optionsOf(FLAGS, status), marking);
    return markExitCode(context, outcome);
  });
  const { result } = outcome!;
  return result.requested === 0 ? [unchanged(row)] : [firstLine(describeMark(result, status.shown))];
}

function selectionOf({ userId, taskId, status }: Row) {
  const statuses = new Set([shownStatus(status) ?? OTHER_STATUS]);
  return { ids: [{ userId, taskId }], filter: { ...ofUser(userId), statuses }, age: null };
}

function unchanged(row: Row): string {
  return `${nameOf(row)} isn't ${row.status} any more: nothing was changed`;
}

/** The warnings have the rest. */
function firstLine(text: string): string {
  return text.split("\n", 1)[0]!;
}
