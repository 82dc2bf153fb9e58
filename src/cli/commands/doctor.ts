import { DONE, FAILED } from "../../app/ended.ts";
import { recordRulesOf } from "../../app/parts.ts";
import { targetOf } from "../../config/redis.ts";
import type { DoctorParts, Finding, Status } from "../../operations/doctor/probe.ts";
import { groupedBy } from "../../pool.ts";
import { printable } from "../../printable.ts";
import type { TableStyle } from "../../render/table.ts";
import { wrap } from "../../render/width.ts";
import { FileStore } from "../../store/file/file-store.ts";
import type { RedisTarget } from "../../store/redis/target.ts";
import { counted } from "../../task/amounts.ts";
import { RecordRules } from "../../task/rules.ts";
import { Zone } from "../../task/time.ts";
import type { CommandSpec, Context } from "../context.ts";
import { isText } from "../terminal.ts";

export const spec: CommandSpec = {
  about: "check everything that can be wrong: configuration, store file, disk, Redis",
  async run(context) {
    const { diagnose } = await import("../../operations/doctor/run.ts");
    const style = await context.tableStyle();
    const forPeople = isText(context.flags.output);
    const { out, outIsTerminal } = context.terminal;
    const { quiet } = context.flags;
    const matters = ({ status }: Finding) => status === "warn" || status === "fail";
    const findings: Finding[] = [];
    for await (const finding of diagnose(await doctorParts(context))) {
      findings.push(finding);
      const isShown = quiet ? matters(finding) : finding.status !== "skip"; // skipped ones come together at the end
      if (forPeople && isShown) await out.write(findingText(finding, style));
    }
    const count = (status: Status) => findings.filter((finding) => finding.status === status).length;
    const report = { checks: findings, ok: count("ok"), warn: count("warn"), fail: count("fail"), skip: count("skip") };
    await context.emitObject(report, () => {
      const again = outIsTerminal ? findings.filter(matters) : []; // the first lines may have scrolled away
      const texts = again.map((finding) => findingText(finding, style)).join("");
      return quiet ? "" : doctorSkipped(findings, style) + (texts && `\n${texts}`);
    });
    const [warnings, failures] = [counted(report.warn, "warning"), counted(report.fail, "failure")];
    const tail = report.skip === 0 ? "" : `, ${report.skip} skipped`;
    if (forPeople && !quiet) await context.terminal.err.write(`${report.ok} ok, ${warnings}, ${failures}${tail}\n`);
    return report.fail > 0 ? FAILED : DONE;
  },
  examples: `
It changes nothing. The exit code is 1 if a check fails, 0 with only warnings.
With -q only failures and warnings are printed.
Examples:
  ttsctl doctor
  ttsctl doctor --no-redis
  ttsctl doctor -o json`,
};

/** Parts of a section with a wrong value are null, because checks of its defaults would mislead. */
async function doctorParts(context: Context): Promise<DoctorParts> {
  const { examineConfig } = await import("../../config/examine.ts");
  const examined = await examineConfig(context.loadOptions());
  const { settings } = examined;
  const known = <S extends "redis" | "store" | "paths" | "cleanup" | "service" | "audit">(section: S) =>
    examined.wrong.has(section) || settings === null ? null : settings[section];
  const [redis, store, paths] = [known("redis"), known("store"), known("paths")];
  const [cleanup, service, audit] = [known("cleanup"), known("service"), known("audit")];
  const rules = service && recordRulesOf(settings!);
  const isOn = redis?.enabled.value;
  const connect = async (db = settings!.redis.db.value) => {
    const { connectRedis } = await import("../../store/redis/connect.ts");
    return connectRedis({ ...targetOf(settings!), db });
  };
  const wrong = [...examined.wrong.values()];
  return {
    config: { ...examined, ...examined.names, cwd: context.caller.cwd, wrong, warnings: settings?.warnings ?? [] },
    nodeVersion: process.version,
    // In a wrong zone only times differ; the file can still be checked.
    file: store && new FileStore(store.path.value, rules ?? new RecordRules(new Zone("UTC")), context.clock),
    paths: paths && { output: paths.output.value, logs: paths.logs.value, shared: paths.shared.value },
    audit: audit && { path: audit.path.value },
    connect: redis && (isOn ? connect : "off"),
    askSentinels: isOn ? askerOf(targetOf(settings!)) : null,
    db: redis?.db.value ?? 0,
    rules,
    zoneOrigin: service?.timezone.value == null ? null : service.timezone.origin,
    cleanup: cleanup && { retention: cleanup.retention.value, stuckAfter: cleanup.stuckAfter.value },
    clock: context.clock,
  };
}

function askerOf({ place, ...access }: RedisTarget) {
  if (place.kind !== "sentinels") return null;
  return async () => {
    const { askSentinels } = await import("../../store/redis/sentinel.ts");
    return askSentinels({ ...access, place });
  };
}

const STATUS_WIDTH = 6;
/** The longest name of a check, and two spaces. */
const NAME_WIDTH = 19;
function findingText({ check, status, detail, hint }: Finding, style: TableStyle): string {
  const indent = STATUS_WIDTH + NAME_WIDTH;
  const room = style.width === null ? Number.POSITIVE_INFINITY : Math.max(10, style.width - indent);
  const texts = [detail, ...(hint === null ? [] : [`-> ${hint}`])].map(printable);
  const [first = "", ...more] = texts.flatMap((text) => wrap(text, room));
  const head = style.colors[COLORS[status]](status.padEnd(STATUS_WIDTH)) + check.padEnd(NAME_WIDTH);
  return [head + first, ...more.map((line) => " ".repeat(indent) + line)].map((line) => `${line.trimEnd()}\n`).join("");
}

const COLORS = { ok: "green", warn: "yellow", fail: "red", skip: "gray" } as const;

/** The skipped checks, a line for each reason. */
function doctorSkipped(findings: readonly Finding[], style: TableStyle): string {
  const skipped = findings.filter(({ status }) => status === "skip");
  const lines = [...groupedBy(skipped, ({ detail }) => detail)].map(([reason, some]) => {
    const names = some.map(({ check }) => check);
    const all = [`${names.length} checks`, `${reason}: ${names.join(", ")}`] as const;
    const [check, detail] = names.length === 1 ? [names[0]!, reason] : all;
    return findingText({ check, status: "skip", detail, hint: null }, style);
  });
  return lines.join("");
}
