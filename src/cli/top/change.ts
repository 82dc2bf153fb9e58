import { checkNewStatus, deleteChosen, markChosen } from "../../app/change.ts";
import { ofUser } from "../../task/query-fields.ts";
import { OTHER_STATUS, shownStatus } from "../../task/status.ts";
import { describeDelete } from "../commands/delete.ts";
import { describeMark } from "../commands/mark.ts";
import type { Context } from "../context.ts";
import { type Change, nameOf, type Row } from "./model.ts";
import { noted } from "./readings.ts";

const OPTIONS = { dryRun: false, allowEmpty: false };

/**
 * Marks or deletes one task as the commands do, if it still has the status that was shown.
 * @returns lines that report the outcome
 */
export function changeTask(context: Context, { userId, taskId, status }: Row, change: Change): Promise<string[]> {
  const statuses = new Set([shownStatus(status) ?? OTHER_STATUS]);
  const selection = { ids: [{ userId, taskId }], filter: { ...ofUser(userId), statuses }, age: null };
  return noted(context, false, async (step) => {
    const to = change.kind === "mark" ? checkNewStatus(change.status) : null;
    await step.requireConfig(to === null);
    const ended =
      to === null
        ? await deleteChosen(step, { ...OPTIONS, force: false, maxDelete: null }, { selection })
        : await markChosen(step, { ...OPTIONS, ...to, maxMark: null }, { selection });
    if (ended.error !== null) throw ended.error;
    const { result } = ended;
    if (result.requested === 0) return [`${nameOf({ userId, taskId })} isn't ${status} any more: nothing was changed`];
    const text = "deleted" in result ? describeDelete(result) : describeMark(result, to!.shown);
    return text.split("\n", 1); // the warnings have the rest
  });
}
