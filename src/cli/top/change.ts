import { audited } from "../../parts/ledger.ts";
import { ofUser } from "../../task/query-fields.ts";
import { OTHER_STATUS, shownStatus } from "../../task/status.ts";
import { deleteChosen, deletionExitCode, describeDelete } from "../commands/delete.ts";
import { checkNewStatus, describeMark, markChosen, markExitCode, optionsOf } from "../commands/mark.ts";
import type { Context } from "../context.ts";
import { type Change, nameOf, type Row } from "./model.ts";
import { recorded } from "./readings.ts";

const FLAGS = { dryRun: false, allowEmpty: false, yes: true };

/**
 * Marks or deletes one task as the commands do, if it still has the status that was shown.
 * @returns lines that report the outcome
 */
export async function changeTask(context: Context, row: Row, change: Change): Promise<string[]> {
  const lines: string[] = [];
  const { err } = await recorded(context, async (fork) => lines.push(await applied(fork, row, change)));
  return [...err, ...lines];
}

async function applied(context: Context, row: Row, change: Change): Promise<string> {
  const status = change.kind === "mark" ? checkNewStatus(change.status) : null;
  await context.requireConfig(status === null);
  let lines = "";
  await audited(context, true, async (ledger) => {
    const how = { selection: selectionOf(row), ledger, confirm: async () => {}, backup: null };
    if (status === null) {
      const outcome = await deleteChosen(context, { ...FLAGS, force: false }, how);
      lines = outcome.result.requested === 0 ? unchanged(row) : describeDelete(outcome.result);
      return deletionExitCode(context, outcome);
    }
    const outcome = await markChosen(context, optionsOf(FLAGS, status), how);
    lines = outcome.result.requested === 0 ? unchanged(row) : describeMark(outcome.result, status.shown);
    return markExitCode(context, outcome);
  });
  return lines.split("\n", 1)[0]!; // the warnings have the rest
}

function selectionOf({ userId, taskId, status }: Row) {
  const statuses = new Set([shownStatus(status) ?? OTHER_STATUS]);
  return { ids: [{ userId, taskId }], filter: { ...ofUser(userId), statuses }, age: null };
}

function unchanged(row: Row): string {
  return `${nameOf(row)} isn't ${row.status} any more: nothing was changed`;
}
