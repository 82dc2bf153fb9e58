import type { Status, Verdict } from "./check.ts";
import type { Info, NodeInfo } from "./info.ts";

const WORST_FIRST: readonly Status[] = ["fail", "warn", "skip", "ok"];

/** One verdict of what is said of each node: the worst, with the nodes that it is about where there are several. */
export function ofEachNode(nodes: readonly NodeInfo[], verdictOf: (info: Info) => Verdict): Verdict {
  const verdicts = nodes.map(({ where, info }) => ({ where, ...verdictOf(info) }));
  const status = WORST_FIRST.find((worst) => verdicts.some((verdict) => verdict.status === worst))!;
  const worst = verdicts.filter((verdict) => verdict.status === status);
  const { hint } = worst[0]!;
  if (nodes.length === 1) return { status, detail: worst[0]!.detail, hint };
  const details = new Map<string, string[]>();
  for (const { where, detail } of worst) details.set(detail, [...(details.get(detail) ?? []), where]);
  const everywhere = details.size === 1 && worst.length === nodes.length;
  const named = [...details].map(([detail, where]) => `${where.join(", ")}: ${detail}`);
  return { status, detail: everywhere ? `${worst[0]!.detail}, on ${nodes.length} nodes` : named.join("; "), hint };
}
