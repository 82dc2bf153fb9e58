import type { Command } from "commander";
import { TtsctlError } from "../../errors.ts";
import type { Attach } from "../attach.ts";
import type { CleanupFlags } from "../cleanup-pass.ts";
import type { Context } from "../context.ts";
import { keepHeapSmall } from "../heap.ts";
import { addDestructive, settingOption } from "../selection.ts";

export function declareCleanup(program: Command, attach: Attach): void {
  const command = program
    .command("cleanup")
    .description("purge finished tasks past their retention, with audio and logs")
    .argument("[user]", "with --explain")
    .argument("[task]", "with --explain")
    .option("--once", "one pass, for cron")
    .option(
      "--watch",
      "a pass every retention/10 (30 s to 5 min), for systemd; SIGTERM ends it, SIGHUP reads the configuration again",
    )
    .option("--explain", "say why the task would stay or go, rule by rule, and change nothing")
    .option("--orphans", "list artifacts that no record owns and that are older than the retention; --yes removes them")
    .option("-y, --yes", "with --orphans: remove them")
    .addOption(settingOption("cleanup.retention"))
    .addOption(settingOption("cleanup.keep_last"))
    .addOption(settingOption("cleanup.max_bytes"))
    .option("--backup <file>", "append every purged record to this file first, as JSON Lines")
    .option("--metrics-file <file>", "write how each pass went to this file, for Prometheus' node_exporter")
    .addHelpText("after", EXAMPLES);
  addDestructive(command, "no limit; 50% of all with --orphans");
  attach<CleanupFlags>(command, runCleanup);
}

const EXAMPLES = `
Examples:
  ttsctl cleanup --once --dry-run                 what would go
  ttsctl cleanup --once --backup purged.jsonl     one pass; the records are kept in a file
  ttsctl cleanup --once --max-delete 20%          stop if it is more than a fifth of all tasks
  ttsctl cleanup --watch -v                       keep at it
  ttsctl cleanup --explain alice t01              why this task would stay, or go
  ttsctl cleanup --orphans                        audio and logs that no record owns`;

async function runCleanup(context: Context, flags: CleanupFlags, args: string[]): Promise<number> {
  const modes = [flags.once, flags.watch, flags.explain, flags.orphans].filter((mode) => mode === true);
  if (modes.length !== 1) {
    throw new TtsctlError("USAGE", "cleanup needs one of --once, --watch, --explain USER TASK and --orphans", {
      hint: "--once for one pass, --watch to keep at it, --explain for one task, --orphans for files without a record",
    });
  }
  if (flags.explain) {
    const { runExplain } = await import("../explain.ts");
    return runExplain(context, flags, args);
  }
  if (args.length > 0) {
    throw new TtsctlError("USAGE", "cleanup takes a user and a task with --explain alone", {
      hint: "ttsctl delete --user alice --ids t01 deletes one task",
    });
  }
  if (flags.watch) {
    const { watch } = await import("../watch.ts");
    return watch(context, flags);
  }
  await context.requireConfig(true);
  if (flags.orphans) {
    const { runOrphans } = await import("../orphans.ts");
    return runOrphans(context, flags);
  }
  const { runPass } = await import("../cleanup-pass.ts");
  keepHeapSmall();
  return runPass(context, flags);
}
