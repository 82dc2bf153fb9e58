import type { Finding, Status } from "../operations/doctor/probe.ts";
import { printable } from "../printable.ts";
import { counted } from "../task/amounts.ts";
import type { TableStyle } from "./table.ts";
import { wrap } from "./width.ts";

/** `doctor -o json`: every finding, and how many there are of each status. */
export type DoctorReport = { checks: readonly Finding[] } & Record<Status, number>;

export function doctorReport(findings: readonly Finding[]): DoctorReport {
  const count = (status: Status) => findings.filter((finding) => finding.status === status).length;
  return { checks: findings, ok: count("ok"), warn: count("warn"), fail: count("fail"), skip: count("skip") };
}

const STATUS_WIDTH = 6;
/** The longest name of a check, and two spaces. */
const NAME_WIDTH = 19;
/** Below this a detail begins under its name. */
const NARROW = 60;

/** One finding: its line, and below it what to do where it is not ok. */
export function findingText({ check, status, detail, hint }: Finding, style: TableStyle): string {
  const indent = style.width !== null && style.width < NARROW ? STATUS_WIDTH : STATUS_WIDTH + NAME_WIDTH;
  const [first = "", ...more] = linesOf(detail, indent, style.width);
  const head = check.padEnd(NAME_WIDTH);
  const opening = indent === STATUS_WIDTH ? [check, `${" ".repeat(indent)}${first}`] : [`${head}${first}`];
  const lines = [`${painted(status, style)}${opening[0]}`, ...opening.slice(1)];
  const hints = hint === null ? [] : linesOf(`-> ${hint}`, indent, style.width);
  for (const line of [...more, ...hints]) lines.push(`${" ".repeat(indent)}${line}`);
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

function linesOf(text: string, indent: number, width: number | null): string[] {
  return width === null ? [printable(text)] : wrap(printable(text), Math.max(10, width - indent));
}

const COLORS = { ok: "green", warn: "yellow", fail: "red", skip: "gray" } as const;

function painted(status: Status, { colors }: TableStyle): string {
  return colors[COLORS[status]](status.padEnd(STATUS_WIDTH));
}

/** What was not looked at, a line for each reason. */
export function doctorSkipped(findings: readonly Finding[], style: TableStyle): string {
  const skipped = findings.filter(({ status }) => status === "skip");
  const reasons = [...new Set(skipped.map(({ detail }) => detail))];
  return reasons
    .map((reason) => {
      const names = skipped.filter(({ detail }) => detail === reason).map(({ check }) => check);
      const check = names.length === 1 ? names[0]! : `${names.length} checks`;
      const detail = names.length === 1 ? reason : `${reason}: ${names.join(", ")}`;
      return findingText({ check, status: "skip", detail, hint: null }, style);
    })
    .join("");
}

/** The line below all findings. */
export function doctorSummary({ ok, warn, fail, skip }: DoctorReport): string {
  const tail = skip === 0 ? "" : `, ${skip} skipped`;
  return `${ok} ok, ${counted(warn, "warning")}, ${counted(fail, "failure")}${tail}\n`;
}
