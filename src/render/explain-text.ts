import type { Explanation } from "../operations/explain.ts";
import { printable } from "../printable.ts";
import { type TableStyle, table } from "./table.ts";

/** An explanation for people: the verdict, then what each rule says and saw. */
export function explainText(explanation: Explanation, style: TableStyle): string {
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
