import { decisive, isMet, type Result } from "../result.ts";
import { amount } from "./cells.ts";
import type { Report } from "./report.ts";

const [WIDTH, LEFT, RIGHT, LINE, TOP] = [1080, 600, 70, 24, 64];
/** How far from its target a row may be to be drawn to scale: ten times better, four times worse. */
const [BEST, WORST] = [1 / 10, 4];

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 }
  .faint { fill: #6e7781 }
  .met { fill: #2da44e }
  .missed { fill: #cf222e }
  line { stroke: #6e7781; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .faint { fill: #8b949e }
    .met { fill: #3fb950 }
    .missed { fill: #f85149 }
    line { stroke: #8b949e }
  }`;

/** How far each row is from its target, as bars on one logarithmic scale: what ends left of the line meets it. */
export function picture({ results }: Report): string {
  const most = Math.max(...results.map(({ tasks }) => tasks));
  const rows = results.filter(({ value, tasks }) => value !== null && tasks === most);
  const height = TOP + rows.length * LINE + 16;
  const target = place(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>ttsctl and its peers with ${most.toLocaleString("en")} tasks: how far each row is from its target</title>`,
    `<style>${STYLE}\n</style>`,
    `<text class="title" x="16" y="28">ttsctl against its targets, ${most.toLocaleString("en")} tasks</text>`,
    `<text class="faint" x="${target}" y="50" text-anchor="middle">target</text>`,
    ...rows.map(bar),
    `<line x1="${target}" x2="${target}" y1="56" y2="${height - 12}"/>`,
    "</svg>\n",
  ].join("\n");
}

function bar(result: Result, i: number): string {
  const y = TOP + i * LINE;
  const { limit, atLeast, unit } = result.target;
  const value = decisive(result)!;
  const share = atLeast ? limit / value : value / limit;
  const end = place(share);
  const label = escaped([result.work, result.peer].filter((text) => text !== "").join(" / "));
  return [
    `<text x="${LEFT - 12}" y="${y + 15}" text-anchor="end">${label}</text>`,
    `<rect class="${isMet(result) ? "met" : "missed"}" x="${LEFT}" y="${y + 3}" width="${end - LEFT}" height="16" rx="3"/>`,
    `<text class="faint" x="${end + 8}" y="${y + 15}">${amount(value, unit)}</text>`,
  ].join("\n");
}

/** The position of a share of the target on the scale. */
function place(share: number): number {
  const on = Math.log(Math.min(Math.max(share, BEST), WORST) / BEST) / Math.log(WORST / BEST);
  return Math.round(LEFT + 4 + on * (WIDTH - LEFT - RIGHT - 4));
}

function escaped(text: string): string {
  return text.replaceAll("`", "").replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
