import type { Command } from "commander";
import type { VerifyOutcome } from "../../operations/verify/verify.ts";
import { trimId } from "../../task/ids.ts";
import type { Attach } from "../attach.ts";
import type { Context } from "../context.ts";
import { DONE, PARTLY } from "../emit.ts";

interface VerifyFlags {
  readonly user?: string;
  readonly details: boolean;
}

export function declareVerify(program: Command, attach: Attach): void {
  const command = program
    .command("verify")
    .description("compare the store file and Redis, record by record; exit code 3 where they differ")
    .option("-u, --user <id>", "only the tasks of this user")
    .option("--details", "also say which tasks", false)
    .addHelpText("after", EXAMPLES);
  attach<VerifyFlags>(command, runVerify);
}

const EXAMPLES = `
Examples:
  ttsctl verify                        is Redis what the file says?
  ttsctl verify --details -o jsonl     every task that differs, one a line`;

async function runVerify(context: Context, flags: VerifyFlags): Promise<number> {
  const { checkUser } = await import("../../operations/list-query.ts");
  const userId = flags.user === undefined ? undefined : checkUser(trimId(flags.user), "--user");
  const { verify } = await import("../../operations/verify/verify.ts");
  const { openMirror } = await import("../mirror.ts");
  const { emitVerify } = await import("../emit-verify.ts");
  const file = await context.fileStore();
  const parts = {
    ...{ file, mirror: await openMirror(context), clock: context.clock, reporter: context.reporter },
    signal: context.signal,
  };
  const outcome = await verify(parts, userId === undefined ? {} : { userId });
  await emitVerify(context, outcome, flags.details);
  return exitCodeOf(outcome);
}

function exitCodeOf({ drift, result }: VerifyOutcome): number {
  return drift.size > result.repaired ? PARTLY : DONE;
}
