import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { type CleanupOutcome, cleanUp, type PassFlags, WATCH_S } from "../../app/cleanup.ts";
import type { PassEnd } from "../../app/cleanup-record.ts";
import { DONE, ended, PARTLY } from "../../app/ended.ts";
import { audited, withoutSecrets } from "../../app/ledger.ts";
import { isRedisError, TtsctlError, usage } from "../../errors.ts";
import { HALF } from "../../operations/brake.ts";
import type { Explanation } from "../../operations/explain.ts";
import { TargetFile } from "../../operations/export/target-file.ts";
import type { OrphanResult } from "../../operations/orphans.ts";
import { policyOf } from "../../operations/purge/rules.ts";
import { printable, shellWord } from "../../printable.ts";
import { textOf } from "../../render/item-lines.ts";
import type { PassMetrics } from "../../render/pass-metrics.ts";
import { table } from "../../render/table.ts";
import { wrap } from "../../render/width.ts";
import { readRegular, refuseUsed, whyNotWritten } from "../../store/file/written-file.ts";
import { isOutage } from "../../store/mirror-link.ts";
import { counted, formatBytes, formatDuration } from "../../task/amounts.ts";
import { memberOf } from "../../task/ids.ts";
import { VERSION } from "../../version.ts";
import type { CommandSpec, Context, Flags } from "../context.ts";
import { addDestructive, findTask, refuseFlags, sectionOptions, tellAbsent } from "../selection.ts";

type PassOptions = Pick<Flags, "dryRun" | "allowEmpty" | "maxDelete" | "backup" | "once" | "metricsFile">;

export const spec: CommandSpec = {
  about: "purge finished tasks past their retention, with audio and logs",
  declare(command) {
    command
      .argument("[user]", "with --explain")
      .argument("[task]", "with --explain")
      .option("--once", "one pass, for cron", false)
      .option("-w, --watch", WATCH, false)
      .option("--explain", "explain, rule by rule, whether a pass would purge the task; change nothing", false)
      .option("--orphans", ORPHANS, false);
    for (const option of sectionOptions("cleanup")) command.addOption(option);
    command.option("--metrics-file <file>", "write metrics of each pass to this file, for Prometheus' node_exporter");
    const brake = `no limit; with --orphans, ${HALF.percent}% of the artifacts`;
    addDestructive(command, brake, "with --orphans: remove the artifacts", "purged");
  },
  async run(context, flags, args) {
    const { once, watch: isWatch, explain, orphans } = flags;
    if ([once, isWatch, explain, orphans].filter(Boolean).length !== 1) {
      throw usage("cleanup needs exactly one of --once, --watch, --explain USER TASK or --orphans", MODES);
    }
    if (explain) refuseFlags(flags, ["--dry-run", "--summary", "--yes", ...OF_PASSES], "with --explain");
    if (orphans) {
      const policy = sectionOptions("cleanup").map(({ long }) => long!);
      const others = policy.filter((flag) => flag !== "--retention");
      refuseFlags(flags, [...others, "--allow-empty", ...OF_PASSES], "with --orphans");
    }
    if (args.length > 0 && !explain) {
      const hint = "ttsctl delete --user alice --ids t01 deletes one task";
      throw usage("cleanup accepts a user and a task only with --explain", hint);
    }
    if (isWatch) {
      const { watch } = await import("../watch.ts");
      await watch(context, (pass, refusal, doubt) => runPass(pass, { ...flags, doubt }, refusal));
      return DONE;
    }
    await context.requireConfig(true);
    if (explain) return runExplain(context, flags, args);
    return orphans ? runOrphans(context, flags) : runPass(context, flags);
  },
  examples: `
Examples:
  ttsctl cleanup --once --dry-run                 what would be purged
  ttsctl cleanup --once --dry-run --summary       how much
  ttsctl cleanup --once --backup purged.jsonl     keep the records in a file
  ttsctl cleanup --once --max-delete 20%          refuse above a fifth
  ttsctl cleanup --watch -v                       repeat until stopped
  ttsctl cleanup --explain alice t01              why a task would be kept
  ttsctl cleanup --orphans                        files that no record owns`,
};

const RANGE = `${formatDuration(WATCH_S.least)} to ${formatDuration(WATCH_S.most)}`;
const WATCH = `a pass every retention/10 (${RANGE}), for systemd; SIGTERM stops it, SIGHUP reloads the configuration`;
const ORPHANS = "list artifacts without a record that are older than the retention; --yes removes them";

const OF_PASSES = ["--backup", "--metrics-file"];

const MODES =
  "--once for one pass, --watch for repeated passes, --explain for one task, --orphans for files without a record";

/**
 * One pass, with its result printed, in the ledger and in the metrics. Returns the exit code. @param onEnd called however it ends
 * @param refusal why the pass must not begin; it counts as failed @throws TtsctlError that ended the pass; INTERRUPTED; USAGE
 */
export async function runPass(
  context: Context,
  flags: PassOptions & Pick<PassFlags, "doubt">,
  refusal: TtsctlError | null = null,
  onEnd: (how: Omit<PassEnd, "endedAt">) => void = () => {},
): Promise<number> {
  const metrics = await metricsTarget(context, flags);
  const started = context.clock.monotonic();
  let outcome: CleanupOutcome | null = null;
  let [exitCode, error]: [number, string | null] = [1, "INTERNAL"];
  try {
    if (refusal !== null) throw refusal;
    const pass = await cleanUp(context, { ...flags, openBackup: () => context.openBackup(flags) });
    outcome = pass.outcome;
    const isForPerson = context.terminal.outIsTerminal && flags.once && context.flags.verbose === 0;
    const isPlanned = pass.error === null || outcome.result.candidates > 0; // else it was interrupted before
    const text = isForPerson ? summary : summaryLine;
    exitCode = await context.conclude(pass, () => (isPlanned ? text(pass.outcome) : ""));
    error = null;
    return exitCode;
  } catch (cause) {
    if (cause instanceof TtsctlError) [exitCode, error] = [cause.exitCode, cause.code];
    throw cause;
  } finally {
    onEnd({ exitCode, error, purged: outcome?.result.purged ?? null });
    const duration = Math.round((context.clock.monotonic() - started) * 1000) / 1000;
    if (metrics !== null) await writeMetrics(context, metrics, { exitCode, error, outcome, duration });
  }
}

/** For a person; programs read `summaryLine`. */
function summary({ result, sizes }: CleanupOutcome): string {
  if (sizes === null) return `${OFF}\n`;
  const { purged, dryRun, files, bytes, durationMs, skipped, failed, returned, unreached, stuck, keptLast } = result;
  const candidates = result.candidates + unreached;
  const late = { "written back": returned, "not reached": unreached };
  const rest = { skipped, failed, ...late, stuck, "kept by keep_last": keptLast };
  const counts = Object.entries(rest).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
  const head = `${purged - returned} of ${counted(candidates, "candidate")} ${dryRun ? "would be " : ""}purged`;
  const time = `in ${formatDuration(Math.ceil(durationMs / 1000))}`;
  return `${[head, counted(files, "file"), formatBytes(bytes), ...counts, time].join(", ")}\n`;
}

const OFF = "off: no task was checked";

function summaryLine({ result, sizes }: CleanupOutcome): string {
  const { expireBefore, purged, unreached, stuck, keptLast, dryRun, files, bytes, durationMs } = result;
  const named = ["candidates", "purged", "skipped", "failed", "returned"] as const;
  const counts = named.map((name) => `${name}=${result[name]}`).join(" ");
  const left = unreached > 0 ? ` unreached=${unreached}` : "";
  const more = keptLast > 0 ? ` kept-last=${keptLast}` : "";
  const space = result.finishedBytes === null ? "" : ` for-space=${result.purgedForSpace}`;
  const freed = `files=${files} bytes=${bytes} (${formatBytes(bytes)}) in ${durationMs} ms`;
  const dry = dryRun ? ` dry-run: ${counted(purged, "task")} would be purged` : "";
  const end = sizes === null ? ` ${OFF}` : dry;
  return `[CLEANUP] pass expire-before=${expireBefore} ${counts}${left} stuck=${stuck}${more}${space} ${freed}${end}\n`;
}

/** The file for node_exporter's textfile collector; null without one. @throws TtsctlError USAGE */
async function metricsTarget(context: Context, { metricsFile, dryRun, backup }: PassOptions): Promise<string | null> {
  if (metricsFile === undefined || dryRun) return null;
  const target = resolve(context.caller.cwd, metricsFile);
  await refuseUsed("--metrics-file", target, await context.filesInUse(backup));
  const there = await lstat(target).catch(() => null);
  // A directory isn't refused: it is a warning after the pass, like any file that can't be written.
  if (there === null || there.isFile() || there.isDirectory()) return target;
  const hint = "choose a regular file in the directory of node_exporter's textfile collector";
  throw usage(`--metrics-file names ${target}, which is not a regular file`, hint);
}

type HowEnded = Pick<PassMetrics, "exitCode" | "error" | "duration"> & { readonly outcome: CleanupOutcome | null };

/** If the file can't be written, that is a warning. */
async function writeMetrics(context: Context, target: string, { outcome, ...how }: HowEnded): Promise<void> {
  const { store, redis } = await context.settings();
  const { passMetricsText } = await import("../../render/pass-metrics.ts");
  try {
    const pass = {
      ...how,
      store: store.path.value,
      version: VERSION,
      endedAt: context.clock.now(),
      result: outcome?.sizes ? outcome.result : null, // a cleanup that is switched off counts nothing
      ...(outcome?.sizes ?? { fileTasks: null, redisTasks: null }),
      redisUp: !outcome?.sizes || !redis.enabled.value ? null : !isRedisError(outcome.problem),
    };
    const text = await passMetricsText(pass, (await readRegular(target)) ?? "");
    // Atomic, so the exporter never reads half of it.
    const file = await TargetFile.at(target, true, 0o644); // the exporter runs as another user
    context.onRelease(() => file.close());
    await file.write([text]);
    await file.finish();
  } catch (error) {
    const reason = error instanceof TtsctlError ? error.message : whyNotWritten(error);
    context.reporter.warn(`the metrics file ${target} was not written: ${reason}`);
  }
}

async function runExplain(context: Context, flags: Flags, args: string[]): Promise<number> {
  const { clock, reporter } = context;
  const { cleanup } = await context.settings();
  const isOn = cleanup.retention.value > 0; // else a pass doesn't open them
  const stores = { ...(await context.stores()), artifacts: await context.artifacts(isOn ? "remove" : "show") };
  const { id } = await findTask(context, stores, "cleanup --explain", args, flags);
  if (id.userId === "") return tellAbsent(context, stores, id, "auto");
  const { explainTask } = await import("../../operations/explain.ts");
  const parts = { ...stores, clock, reporter, mirror: await context.mirrorState() };
  const { explanation, lost } = await explainTask(parts, { ...policyOf(cleanup), allowEmpty: flags.allowEmpty }, id);
  if (lost !== null) {
    reporter.warn(`${lost.message}: ${isOutage(lost) ? "only the file was checked, as in a pass" : "a pass refuses"}`);
  }
  const screen = await context.tableStyle();
  const style = { ...screen, width: null }; // reasons are wrapped, not cut
  const room = (screen.width ?? Number.POSITIVE_INFINITY) - "retention  RESULT  ".length;
  const rows = explanation.rules.flatMap(({ rule, says, saw }) =>
    wrap(printable(saw), Math.max(room, 20)).map((line, i) => (i === 0 ? [rule, says, line] : ["", "", line])),
  );
  const title = `${printable(memberOf(id))} ${verdict(explanation)}`;
  await context.emitObject(explanation, () => `${title}\n${table(["RULE", "RESULT", "DETAIL"], rows, style)}`);
  return explanation.verdict === "missing" ? PARTLY : DONE;
}

function verdict({ verdict, reason, rules }: Explanation): string {
  const isHalf = rules.some(({ rule, says }) => rule === "redis" && says === "off");
  if (verdict === "missing") return isHalf ? "isn't in the file; Redis wasn't read" : "is in neither store";
  if (verdict === "purge") return `would be purged: ${reason}`;
  const keepers = rules.filter(({ says }) => says === "keep").map(({ rule }) => rule);
  return keepers.length > 0 ? `would be kept by rule ${keepers.join(", ")}` : "would be kept: no rule purges it";
}

async function runOrphans(context: Context, flags: Flags): Promise<number> {
  const dryRun = flags.dryRun || !flags.yes;
  const { cleanUpOrphans } = await import("../../operations/orphans.ts");
  const { cleanup, paths } = await context.settings();
  const { value: retention, origin } = cleanup.retention;
  if (paths.shared.value && !dryRun) {
    const hint = "leave out --yes; what no record here owns may be another service's";
    throw usage(`--orphans only lists: [paths] shared is true (${paths.shared.origin})`, hint);
  }
  if (retention <= 0) {
    const hint = "set the minimum age of an artifact without a record, such as --retention 7d";
    throw usage(`cleanup is switched off: retention is ${retention} (${origin})`, hint);
  }
  const run = await audited(context, !dryRun, async (ledger) => {
    const changing = { ...(await context.changeParts(ledger, dryRun)), mirror: await context.mirror() };
    const parts = { ...changing, artifacts: await context.artifacts("remove") };
    const result = await cleanUpOrphans(parts, { retention, dryRun, maxDelete: flags.maxDelete });
    const did = `${counted(result.removed, "artifact")} removed`;
    return ended(parts, { result, problem: null }, { did, isPartly: result.failed > 0 });
  });
  const words = withoutSecrets(context.caller.argv).filter((word) => !["--dry-run", "--yes", "-y"].includes(word));
  const again = ["ttsctl", ...words, "--yes"].map(shellWord).join(" ");
  const advice = paths.shared.value ? "if [paths] shared were false" : `by ${again}`;
  return context.conclude(run, () => describe(run.result, advice));
}

function describe(result: OrphanResult, advice: string): string {
  const { found, folders, logs, young, unknown, removed, skipped, failed, dryRun } = result;
  const size = `${counted(result.files, "file")}, ${formatBytes(result.bytes)}`;
  const old = `${folders} ${folders === 1 ? "directory" : "directories"}, ${counted(logs, "log")}`;
  return textOf(
    `of ${counted(found, "artifact")}, old enough and without a record: ${old}`,
    young > 0 && `without a record, but changed within the retention: ${young}`,
    unknown > 0 && `left alone, not directories of tasks: ${unknown}`,
    !dryRun && `${removed} removed (${size}), ${skipped} skipped, ${failed} failed`,
    dryRun && folders + logs > 0 && `${folders + logs} would be removed (${size}) ${advice}`,
  );
}
