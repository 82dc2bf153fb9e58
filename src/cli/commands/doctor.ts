import type { Command } from "commander";
import type { Finding } from "../../operations/doctor/probe.ts";
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
  const [{ diagnose }, { doctorParts }] = await Promise.all([
    import("../../operations/doctor/run.ts"),
    import("../doctor-parts.ts"),
  ]);
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
