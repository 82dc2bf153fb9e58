import type { Command } from "commander";
import type { CleanupSettings } from "../../config/settings.ts";
import { TtsctlError, throwIfInterrupted } from "../../errors.ts";
import type { Explanation } from "../../operations/explain.ts";
import type { OrphanResult } from "../../operations/orphans/orphans.ts";
import type { PolicyOrigins } from "../../operations/purge/explain-rules.ts";
import { policyOf } from "../../operations/purge/policy.ts";
import { audited } from "../../parts/audited.ts";
import type { LedgerRun } from "../../parts/ledger.ts";
import { printable } from "../../printable.ts";
import { type TableStyle, table } from "../../render/table.ts";
import { counted, formatBytes } from "../../task/amounts.ts";
import { trimId } from "../../task/ids.ts";
import type { Attach } from "../attach.ts";
import type { CleanupFlags } from "../cleanup-pass.ts";
import type { Context } from "../context.ts";
import { DONE, emitObject, PARTLY } from "../emit.ts";
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
  if (flags.explain) return runExplain(context, flags, args);
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
  if (flags.orphans) return runOrphans(context, flags);
  const { runPass } = await import("../cleanup-pass.ts");
  keepHeapSmall();
  return runPass(context, flags);
}

/** `cleanup --explain USER TASK`: what a pass would do with one task, rule by rule. */
async function runExplain(context: Context, flags: CleanupFlags, args: readonly string[]): Promise<number> {
  const [userId = "", taskId = ""] = args.map(trimId);
  if (userId === "" || taskId === "") {
    throw new TtsctlError("USAGE", "--explain needs a user id and a task id", {
      hint: "ttsctl cleanup --explain alice t01",
    });
  }
  const { explainTask } = await import("../../operations/explain.ts");
  const { cleanup } = await context.settings();
  const parts = {
    file: await context.fileStore(),
    clock: context.clock,
    reporter: context.reporter,
    mirror: await context.mirrorState(),
    artifacts: await context.artifacts(),
  };
  const options = { ...policyOf(cleanup), allowEmpty: flags.allowEmpty, origins: originsOf(cleanup) };
  const { explanation, lost } = await explainTask(parts, options, { userId, taskId });
  if (lost !== null) context.reporter.warn(`${lost.message}: the file alone was looked at, as a pass would`);
  const style = await context.terminal.tableStyle(context.flags);
  await emitObject(context, explanation, () => explainText(explanation, style));
  return explanation.verdict === "missing" ? PARTLY : DONE;
}

function originsOf({ retention, retentionDone, retentionError, keepLast, maxBytes }: CleanupSettings): PolicyOrigins {
  return {
    retention: retention.origin,
    retentionDone: retentionDone.origin,
    retentionError: retentionError.origin,
    keepLast: keepLast.origin,
    maxBytes: maxBytes.origin,
  };
}

/** An explanation for people: the verdict, then what each rule says and saw. */
function explainText(explanation: Explanation, style: TableStyle): string {
  const { user_id, task_id, rules } = explanation;
  const rows = rules.map(({ rule, says, saw }) => [rule, says, printable(saw)]);
  const whole = { ...style, width: null }; // a reason that is cut explains nothing
  return `${printable(`${user_id}:${task_id}`)} ${verdict(explanation)}\n${table(["RULE", "SAYS", "WHAT IT SAW"], rows, whole)}`;
}

function verdict({ verdict, reason, rules }: Explanation): string {
  if (verdict === "missing") return "is in neither store";
  if (verdict === "purge") return `would be purged: ${reason}`;
  const keepers = rules.filter(({ says }) => says === "keep").map(({ rule }) => rule);
  return keepers.length > 0 ? `would stay: ${keepers.join(", ")}` : "would stay: no rule wants it to go";
}

/** `cleanup --orphans`: lists artifacts without a record; with `--yes` removes them. */
async function runOrphans(context: Context, flags: CleanupFlags): Promise<number> {
  const dryRun = flags.dryRun || !flags.yes;
  return audited(context, !dryRun, (ledger) => orphans(context, flags, dryRun, ledger));
}

async function orphans(
  context: Context,
  flags: CleanupFlags,
  dryRun: boolean,
  ledger: LedgerRun | null,
): Promise<number> {
  const { cleanUpOrphans } = await import("../../operations/orphans/orphans.ts");
  const { retention } = (await context.settings()).cleanup;
  if (retention.value <= 0) {
    throw new TtsctlError("USAGE", `cleanup is switched off: retention is ${retention.value} (${retention.origin})`, {
      hint: "--retention 7d says how old an artifact without a record must be",
    });
  }
  const parts = {
    ...(await context.changeParts(ledger, dryRun)),
    mirror: await context.mirror(),
    artifacts: await context.artifacts(true),
  };
  const options = { retention: retention.value, dryRun, maxDelete: flags.maxDelete ?? { percent: 50 } };
  const result = await cleanUpOrphans(parts, options);
  ledger?.count(result);
  await emitObject(context, result, () => describe(result));
  throwIfInterrupted(context.signal, `${result.removed} artifacts were removed`);
  return result.failed > 0 ? PARTLY : DONE;
}

function describe(result: OrphanResult): string {
  const { found, folders, logs, young, unknown, removed, skipped, failed, dryRun } = result;
  const size = `${counted(result.files, "file")}, ${formatBytes(result.bytes)}`;
  const lines = [
    `of ${counted(found, "artifact")}, old enough and without a record: ${counted(folders, "folder")}, ${counted(logs, "log")}`,
  ];
  if (young > 0) lines.push(`without a record, but changed within the retention: ${young}`);
  if (unknown > 0) lines.push(`left alone, for it is no folder of a task: ${unknown} (named above)`);
  if (!dryRun) lines.push(`${removed} removed (${size}), ${skipped} skipped, ${failed} failed`);
  else if (folders + logs > 0) lines.push(`nothing was removed; ttsctl cleanup --orphans --yes removes them (${size})`);
  return `${lines.join("\n")}\n`;
}
