import type { Result, Summary } from "../result.ts";
import { amount, cellsOf, duration, HEAD } from "./cells.ts";
import type { Report } from "./report.ts";

/** The table for a terminal, with what it was measured on below. */
export function textReport(report: Report): string {
  const lines = [HEAD, ...report.results.map(cellsOf)].map((cells) => cells.map((cell) => cell.replaceAll("`", "")));
  const widths = HEAD.map((_, column) => Math.max(...lines.map((cells) => cells[column]!.length)));
  const rows = lines.map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd(),
  );
  return [...rows, "", machineText(report)].join("\n");
}

export function machineText({ date, cpu, cores, memoryGb, kernel, versions, runs }: Report): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `Medians of ${runs} runs or more, ${date}: ${cores} cores of ${cpu}, ${memoryGb} GB, Linux ${kernel}; ${programs.join(", ")}.`;
}

/** One result while the bench goes on. */
export function resultLine(result: Result): string {
  const { id, tasks, value, cpuRatio, redisRatio, target, ours, theirs, leftOut } = result;
  if (leftOut !== null) return `${id} (${tasks}): left out, ${leftOut}`;
  const spread = [ours, theirs].flatMap((summary) =>
    summary === null
      ? []
      : [`${duration(summary.median)} [${duration(summary.least)}..${duration(summary.most)}]${cpuText(summary)}`],
  );
  const measured = `${amount(value!, target.unit)}${cpuRatio === undefined ? "" : `, by CPU ${amount(cpuRatio, "×")}`}${redisRatio === undefined ? "" : `, Redis ${amount(redisRatio, "×")}`}`;
  return `${id} (${tasks}): ${measured} of ${amount(target.limit, target.unit)}  ${spread.join(" / ")}`;
}

function cpuText({ cpu, redisCpu }: Summary): string {
  const redis = Number.isNaN(redisCpu) ? "" : ` + Redis ${duration(redisCpu)}`;
  return cpu ? `, CPU ${duration(cpu)}${redis}` : "";
}
