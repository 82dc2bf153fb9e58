import { isRedisError, usage } from "../errors.ts";
import type { DeleteOptions, DeleteParts } from "../operations/delete.ts";
import type { MarkOptions, MarkParts } from "../operations/mark/mark.ts";
import type { Selection } from "../operations/select.ts";
import { counted } from "../task/amounts.ts";
import { KNOWN_STATUS_WORDS, SHOWN_STATUSES, shownStatus } from "../task/status.ts";
import { ended } from "./ended.ts";
import { audited } from "./ledger.ts";
import type { RunParts } from "./parts.ts";

interface Changing {
  readonly selection: Selection;
  /** Default: nobody is asked. */
  readonly confirm?: DeleteParts["confirm"];
  /** Opens the file that gets each record before its change. Default: none. */
  readonly openBackup?: () => Promise<MarkParts["backup"]>;
}

/** Deletes chosen tasks, with the run lock until the parts are released. @throws TtsctlError as `deleteTasks`, LOCK_TIMEOUT */
export function deleteChosen(parts: RunParts, options: Omit<DeleteOptions, "retention">, changing: Changing) {
  const { selection, confirm = async () => {}, openBackup = async () => null } = changing;
  const { dryRun } = options;
  return audited(parts, !dryRun, async (ledger) => {
    const { deleteTasks } = await import("../operations/delete.ts");
    const purge = { ...(await parts.purgeParts(ledger, dryRun)), backup: await openBackup(), confirm };
    const retention = (await parts.settings()).cleanup.retention.value;
    const outcome = await deleteTasks(purge, selection, { ...options, retention });
    const { deleted, missing, refused, failed, returned } = outcome.result;
    return ended(parts, outcome, {
      did: `${counted(deleted - returned, "task")} deleted`,
      isPartly: missing.length + refused.length + failed + returned > 0,
      without:
        dryRun || deleted === 0
          ? "only the file was checked"
          : "copies may remain in Redis; `ttsctl sync` or the next command that changes tasks deletes them",
    });
  });
}

/** A status as written to the record (as given, without case and spaces), and as shown. */
export type NewStatus = Pick<MarkOptions, "status" | "shown">;

/** @param names of the new status, and of the status that chooses tasks @throws TtsctlError USAGE */
export function checkNewStatus(text: string | undefined, names = { to: "--to", statuses: "--status" }): NewStatus {
  const accepted = `accepted: ${SHOWN_STATUSES.join(", ")}, and the service's words ${KNOWN_STATUS_WORDS.join(", ")}`;
  if (text === undefined)
    throw usage(`mark needs a new status: ${names.to} STATUS`, `${names.statuses} chooses tasks; ${accepted}`);
  const shown = shownStatus(text);
  if (shown !== undefined) return { shown, status: text.replace(/\s+/g, "").toLowerCase() };
  throw usage(`${names.to}: unknown status ${JSON.stringify(text)}`, accepted);
}

interface MarkRequest extends NewStatus, Omit<MarkOptions, "error" | "isBackedUp"> {
  /** Default: the record's own is kept if the new status is `error`, and cleared otherwise. */
  readonly error?: string | undefined;
  readonly isBackedUp?: boolean;
}

/** Marks chosen tasks, with the run lock until the parts are released. @throws TtsctlError as `markTasks`, LOCK_TIMEOUT */
export function markChosen(parts: RunParts, request: MarkRequest, changing: Changing) {
  const { selection, confirm = async () => {}, openBackup = async () => null } = changing;
  const { error: text, isBackedUp = false, ...asked } = request;
  const { dryRun, shown } = asked;
  const error = text === undefined ? (shown === "error" ? undefined : null) : text || null;
  return audited(parts, !dryRun, async (ledger) => {
    const { markTasks } = await import("../operations/mark/mark.ts");
    const own = { backup: await openBackup(), mirror: await parts.mirrorState(), rules: await parts.rules(), confirm };
    const work = { ...(await parts.changeParts(ledger, dryRun)), ...own };
    const outcome = await markTasks(work, selection, { ...asked, error, isBackedUp });
    const { marked, missing, refused, failed, returned } = outcome.result;
    const when = isRedisError(outcome.problem) ? "when Redis is back, " : "";
    return ended(parts, outcome, {
      did: `${counted(marked, "task")} marked`,
      isPartly: missing.length + refused.length + failed + returned > 0,
      goesOn: true,
      without:
        dryRun || marked + failed === 0
          ? "only the file was checked"
          : `tasks were marked in the file, but may be unchanged in Redis; ${when}run \`ttsctl sync\``,
    });
  });
}
