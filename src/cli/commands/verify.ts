import type { Command } from "commander";
import { TtsctlError } from "../../errors.ts";
import type { MaxDelete } from "../../operations/brake.ts";
import type { VerifyOutcome } from "../../operations/verify/verify.ts";
import { audited } from "../../parts/audited.ts";
import type { LedgerRun } from "../../parts/ledger.ts";
import { counted } from "../../task/counted.ts";
import type { Attach } from "../attach.ts";
import { userOf } from "../choose.ts";
import { confirmation } from "../confirm.ts";
import type { Context } from "../context.ts";
import { DONE, PARTLY } from "../emit.ts";
import { addDestructive } from "../selection.ts";

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
    const outcome = await (flags.repair ? repair : compare)(
      context,
      flags,
      userId === undefined ? {} : { userId },
      ledger,
    );
    ledger?.count(outcome.result);
    const { emitVerify } = await import("../emit-verify.ts");
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

async function compare(context: Context, _: VerifyFlags, scope: { userId?: string }): Promise<VerifyOutcome> {
  const { verify } = await import("../../operations/verify/verify.ts");
  return verify({ ...(await partsOf(context)), file: await context.fileStore() }, scope);
}

async function repair(
  context: Context,
  flags: VerifyFlags,
  scope: { userId?: string },
  ledger: LedgerRun | null,
): Promise<VerifyOutcome> {
  const { verifyAndRepair } = await import("../../operations/verify/verify.ts");
  const file = await context.changingFileStore();
  const parts = await partsOf(context);
  await context.holdRunLock(file, flags.dryRun);
  const confirm = confirmation(context, flags.yes, (count) => `Remove ${counted(count, "task")} that only Redis has?`);
  const { dryRun, prune, restore, allowEmpty } = flags;
  const options = { ...scope, dryRun, prune, restore, allowEmpty, maxDelete: flags.maxDelete ?? { percent: 50 } };
  return verifyAndRepair({ ...parts, file, rules: await context.rules(), ledger, confirm }, options);
}

async function partsOf(context: Context) {
  const { clock, reporter, signal } = context;
  return { mirror: await context.mirror(), clock, reporter, signal };
}
