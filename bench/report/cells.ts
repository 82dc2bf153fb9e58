import { isMet, type Result, type Summary, type Target } from "../result.ts";

const [RESULTS, DETAILS] = [
  ["ttsctl", "peer", "ratio", "by CPU", "target", "met"],
  ["limit", "spread", "CPU", "CPU of Redis", "peak MB"],
];
export const HEAD = ["tasks", "ttsctl", "measured against", ...RESULTS, ...DETAILS];

const BY = { cpu: " by CPU", "cpu of both": " by CPU with Redis" };

/** A line of the table as texts, in Markdown. */
export function cellsOf(result: Result): string[] {
  const { tasks, work, peer, ours, theirs, target, leftOut } = result;
  const about = [tasks.toLocaleString("en"), work, peer];
  const limit = `${target.atLeast ? "≥" : "≤"} ${amount(target.limit, target.unit)}${target.by ? BY[target.by] : ""}`;
  if (leftOut !== null) return [...about, "", "", `left out: ${leftOut}`, "", limit, "", "", "", "", "", ""];
  const both = (text: (summary: Summary) => string) =>
    [ours, theirs].flatMap((summary) => (summary === null ? [] : text(summary) || [])).join(" / ");
  const [ratio, cpuRatio] = [amount(result.value!, target.unit), result.cpuRatio];
  return [
    ...about,
    time(ours),
    time(theirs),
    ratio,
    cpuRatio === undefined ? "" : amount(cpuRatio, "×"),
    limit,
    isMet(result) ? "yes" : "no",
    result.limit === undefined ? "" : `${result.limit.name}: ${amount(result.limit.value, "×")}`,
    both(spread),
    both(({ cpu }) => (cpu ? duration(cpu) : "")),
    both(({ redisCpu }) => (redisCpu ? duration(redisCpu) : "")),
    ours === null ? "" : ours.peakMb.toFixed(0),
  ];
}

/** How far the slowest run is from the fastest, in percent of the median. */
function spread({ median, least, most, runs }: Summary): string {
  return runs > 1 ? `${Math.round(((most - least) / median) * 100)}%` : "";
}

function time(summary: Summary | null): string {
  return summary === null ? "" : duration(summary.median);
}

/** Seconds with three digits, in the unit that suits. */
export function duration(seconds: number): string {
  if (seconds >= 1) return `${digits(seconds)} s`;
  return seconds >= 1e-3 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds * 1e6)} µs`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export function amount(value: number, unit: Target["unit"]): string {
  if (unit === "×") return value >= 100 ? value.toFixed(0) : value.toFixed(2);
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3).replace(/\.?0+$/, "")} ${unit}`;
}
