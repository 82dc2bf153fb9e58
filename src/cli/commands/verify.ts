import type { Command } from "commander";
import { TtsctlError } from "../../errors.ts";
import type { MaxDelete } from "../../operations/brake.ts";
import type { VerifyOutcome } from "../../operations/verify/verify.ts";
import { audited } from "../../parts/audited.ts";
import type { LedgerRun } from "../../parts/ledger.ts";
import { detailRows, detailsJson, detailsJsonLines, footer, headline, kindRows, SHOWN } from "../../render/verify.ts";
import { counted } from "../../task/amounts.ts";
import type { Attach } from "../attach.ts";
import { confirmation } from "../confirm.ts";
import type { Context } from "../context.ts";
import { DONE, emit, emitObject, PARTLY } from "../emit.ts";
import { addDestructive, userOf } from "../selection.ts";

interface VerifyFlags {
  readonly user?: string;
  readonly details: boolean;
  readonly repair: boolean;
  readonly prune: boolean;
  readonly restore: boolean;
  readonly dryRun: boolean;
  readonly maxDelete?: MaxDelete;
  readonly allowEmpty: boolean;
  readonly yes: boolean;
}

export function declareVerify(program: Command, attach: Attach): void {
  const command = program
    .command("verify")
    .description("compare the store file and Redis, record by record; exit code 3 where they differ")
    .option("-u, --user <id>", "only the tasks of this user")
    .option("--details", "also say which tasks", false)
    .option("--repair", "repair the differences; Redis-only tasks are kept", false)
    .option("--prune", "with --repair: delete Redis-only tasks", false)
    .option("--restore", "with --repair: copy Redis-only tasks to the store file", false)
    .option("-y, --yes", "do not ask before --prune", false)
    .addHelpText("after", EXAMPLES);
  addDestructive(command, "50% of the tasks in Redis, with --prune");
  attach<VerifyFlags>(command, runVerify);
}

const EXAMPLES = `
Examples:
  ttsctl verify                        is Redis what the file says?
  ttsctl verify --details -o jsonl     every task that differs, one a line
  ttsctl verify --repair --dry-run     what would be repaired, and how
  ttsctl verify --repair --restore     the disk was lost: write the store file again from Redis`;

async function runVerify(context: Context, flags: VerifyFlags): Promise<number> {
  checkFlags(flags);
  const userId = await userOf(context, flags);
  if (flags.prune || flags.restore) await context.requireConfig(false);
  return audited(context, flags.repair && !flags.dryRun, async (ledger) => {
    const scope = userId === undefined ? {} : { userId };
    const outcome = await (flags.repair ? repair(context, flags, scope, ledger) : compare(context, scope));
    ledger?.count(outcome.result);
    await emitVerify(context, outcome, flags);
    return outcome.drift.size > (flags.dryRun ? 0 : outcome.result.repaired) ? PARTLY : DONE;
  });
}

function checkFlags({ repair, prune, restore }: VerifyFlags): void {
  if (prune && restore) {
    throw new TtsctlError("USAGE", "--prune and --restore exclude each other", {
      hint: "--prune deletes Redis-only tasks, --restore copies them to the store file",
    });
  }
  if ((prune || restore) && !repair) {
    throw new TtsctlError("USAGE", `${prune ? "--prune" : "--restore"} goes with --repair`, {
      hint: "say --repair too; without it verify changes nothing",
    });
  }
}

async function compare(context: Context, scope: { userId?: string }): Promise<VerifyOutcome> {
  const { verify } = await import("../../operations/verify/verify.ts");
  const mirror = await context.mirror();
  const { clock, reporter, signal } = context; // from here on, a stop signal is waited for
  return verify({ mirror, file: await context.fileStore(), clock, reporter, signal }, scope);
}

async function repair(
  context: Context,
  flags: VerifyFlags,
  scope: { userId?: string },
  ledger: LedgerRun | null,
): Promise<VerifyOutcome> {
  const { verifyAndRepair } = await import("../../operations/verify/verify.ts");
  const { dryRun, prune, restore, allowEmpty, maxDelete = { percent: 50 } } = flags;
  const file = await context.changingFileStore(); // first, because it prints warnings that may explain a missing Redis
  const parts = {
    mirror: await context.mirror(),
    ...(await context.changeParts(ledger, dryRun, file)),
    rules: await context.rules(),
    confirm: confirmation(context, flags.yes, (count) => `Remove ${counted(count, "task")} that only Redis has?`),
  };
  return verifyAndRepair(parts, { ...scope, dryRun, prune, restore, allowEmpty, maxDelete });
}

const DETAIL_COLUMNS = ["kind", "user_id", "task_id"];

/** Prints the result of a comparison; with `--details` also the tasks that drifted. */
async function emitVerify(context: Context, outcome: VerifyOutcome, flags: VerifyFlags): Promise<void> {
  const { result, drift } = outcome;
  if (!flags.details) return emitObject(context, result, () => describe(context, outcome, flags));
  return emit(context, {
    json: () => detailsJson(result, drift),
    jsonLines: () => detailsJsonLines(drift),
    csv: async () => (await import("../../render/csv.ts")).csvOfRows(DETAIL_COLUMNS, detailRows(drift)),
    show: async () => context.terminal.out.write(await describe(context, outcome, flags)),
  });
}

async function describe(context: Context, { result, drift }: VerifyOutcome, flags: VerifyFlags): Promise<string> {
  const { table } = await import("../../render/table.ts");
  const { printable } = await import("../../printable.ts");
  const style = await context.terminal.tableStyle(context.flags);
  const parts = [headline(result, drift.size)];
  if (drift.size === 0) return parts.join("");
  const head = ["KIND", "TASKS", "MEANING", ...(flags.repair ? ["REPAIR"] : [])];
  parts.push(table(head, kindRows(result, drift, flags), style));
  if (flags.details) {
    const rows = [...detailRows(drift, SHOWN)].map((row) => row.map(printable));
    parts.push("\n", table(["KIND", "USER", "TASK"], rows, style, 1));
    const hidden = drift.size - rows.length;
    if (hidden > 0) parts.push(`and ${hidden} more, of each kind the first ${SHOWN} are shown; -o jsonl has all\n`);
  }
  return [...parts, footer(result, drift, flags)].join("");
}
