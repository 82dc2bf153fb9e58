import type { Command } from "commander";
import type { Examination } from "../../config/examine.ts";
import { targetOf } from "../../config/redis.ts";
import type { ConfigFacts, DoctorParts, Finding } from "../../operations/doctor/probe.ts";
import { recordRulesOf } from "../../parts/parts.ts";
import { FileStore } from "../../store/file/file-store.ts";
import type { RedisTarget } from "../../store/redis/target.ts";
import { RecordRules } from "../../task/rules.ts";
import { Zone } from "../../task/zone.ts";
import type { Attach } from "../attach.ts";
import type { Context } from "../context.ts";
import { DONE, emitObject, FAILED } from "../emit.ts";
import { isText } from "../globals.ts";

export function declareDoctor(program: Command, attach: Attach): void {
  const command = program
    .command("doctor")
    .description("check everything that can be wrong: configuration, store file, disk, Redis")
    .addHelpText("after", EXAMPLES);
  attach(command, runDoctor);
}

const EXAMPLES = `
It changes nothing. The exit code is 1 if a check fails; warnings alone are 0.
Examples:
  ttsctl doctor
  ttsctl doctor --no-redis
  ttsctl doctor -o json`;

async function runDoctor(context: Context): Promise<number> {
  const { diagnose } = await import("../../operations/doctor/run.ts");
  const print = await printer(context);
  const findings: Finding[] = [];
  for await (const finding of diagnose(await doctorParts(context))) {
    findings.push(finding);
    await print(finding);
  }
  const { doctorReport, doctorSkipped, doctorSummary } = await import("../../render/doctor.ts");
  const report = doctorReport(findings);
  const style = await context.terminal.tableStyle(context.flags);
  if (context.flags.output === "csv") await context.terminal.data.writeAll(await csvOf(findings));
  else await emitObject(context, report, () => doctorSkipped(findings, style));
  if (isText(context.flags.output) && !context.flags.quiet) await context.terminal.err.write(doctorSummary(report));
  return report.fail > 0 ? FAILED : DONE;
}

/** Prints a finding as it comes, where people read; what was skipped is said at the end. */
async function printer(context: Context): Promise<(finding: Finding) => Promise<void>> {
  if (!isText(context.flags.output)) return async () => {};
  const { findingText } = await import("../../render/doctor.ts");
  const style = await context.terminal.tableStyle(context.flags);
  return async (finding) => {
    if (finding.status !== "skip") await context.terminal.out.write(findingText(finding, style));
  };
}

async function csvOf(findings: readonly Finding[]): Promise<Iterable<string>> {
  const { csvOfRows } = await import("../../render/csv.ts");
  const rows = findings.map(({ check, status, detail, hint }) => [check, status, detail, hint ?? ""]);
  return csvOfRows(["check", "status", "detail", "hint"], rows);
}

/** What `doctor` looks at. Of a section with a wrong value nothing is made: to look at its defaults would mislead. */
async function doctorParts(context: Context): Promise<DoctorParts> {
  const examined = await context.examineConfig();
  const { settings } = examined;
  const known = (section: string) => (examined.wrong.has(section) ? null : settings);
  const [redis, store, paths] = [known("redis"), known("store"), known("paths")];
  const [cleanup, service] = [known("cleanup")?.cleanup, known("service")?.service];
  const rules = service === undefined ? null : recordRulesOf(settings!);
  return {
    config: factsOf(examined, context),
    nodeVersion: process.version,
    // In another zone the file is as whole: only times would be read differently.
    file: store && new FileStore(store.store.path.value, rules ?? new RecordRules(new Zone("UTC")), context.clock),
    paths: paths && { output: paths.paths.output.value, logs: paths.paths.logs.value },
    audit: known("audit") && { path: known("audit")?.audit.path.value ?? null },
    connect: redis && (redis.redis.enabled.value ? connecterOf(targetOf(redis)) : "off"),
    askSentinels: redis?.redis.enabled.value ? askerOf(targetOf(redis)) : null,
    db: redis?.redis.db.value ?? 0,
    rules,
    zoneOrigin: service?.timezone.value == null ? null : service.timezone.origin,
    cleanup: cleanup ? { retention: cleanup.retention.value, stuckAfter: cleanup.stuckAfter.value } : null,
    clock: context.clock,
  };
}

function factsOf(examined: Examination, { cwd }: Context): ConfigFacts {
  const { path, unreadable, wrong, names, holdsPassword, variables, kubernetes, settings } = examined;
  return {
    path,
    cwd,
    unreadable,
    holdsPassword,
    variables,
    kubernetes,
    wrong: [...wrong.values()],
    misspelt: names.misspelt,
    sections: names.sections,
    warnings: settings?.warnings ?? [],
  };
}

function askerOf({ place, ...access }: RedisTarget) {
  if (place.kind !== "sentinels") return null;
  return async () => {
    const { askSentinels } = await import("../../store/redis/sentinel.ts");
    return askSentinels({ ...access, place });
  };
}

function connecterOf(target: RedisTarget) {
  return async (db = target.db) => {
    const { connectRedis } = await import("../../store/redis/connect.ts");
    return connectRedis({ ...target, db });
  };
}
