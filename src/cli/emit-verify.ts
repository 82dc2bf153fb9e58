import type { VerifyResult } from "../operations/verify/kinds.ts";
import type { VerifyOutcome } from "../operations/verify/verify.ts";
import { detailRows, detailsJson, detailsJsonLines, kindRows, SHOWN } from "../render/verify.ts";
import type { Context } from "./context.ts";
import { emitObject } from "./emit.ts";

const DETAIL_COLUMNS = ["kind", "user_id", "task_id"];

/** Prints what a comparison came to; with `details` also whose tasks drifted. */
export async function emitVerify(context: Context, outcome: VerifyOutcome, details: boolean): Promise<void> {
  const { result, drift } = outcome;
  const { out } = context.terminal;
  if (!details) return emitObject(context, result, () => describe(context, outcome, false));
  switch (context.flags.output) {
    case "json":
      return out.writeAll(detailsJson(result, drift));
    case "jsonl":
      return out.writeAll(detailsJsonLines(drift));
    case "yaml":
      return out.write((await import("../render/yaml.ts")).yamlOf([...detailsJson(result, drift)].join("")));
    case "csv":
      return out.writeAll((await import("../render/csv.ts")).csvOfRows(DETAIL_COLUMNS, detailRows(drift)));
    default:
      return out.write(await describe(context, outcome, true));
  }
}

async function describe(context: Context, { result, drift }: VerifyOutcome, details: boolean): Promise<string> {
  const { table } = await import("../render/table.ts");
  const { printable } = await import("../render/printable.ts");
  const style = await context.terminal.tableStyle(context.flags);
  const parts = [`${headline(result, drift.size)}\n`];
  if (drift.size > 0) parts.push(table(["KIND", "TASKS", "MEANING"], kindRows(result), style));
  if (details && drift.size > 0) {
    const rows = [...detailRows(drift, SHOWN)].map((row) => row.map(printable));
    parts.push("\n", table(["KIND", "USER", "TASK"], rows, style));
    const hidden = drift.size - rows.length;
    if (hidden > 0) parts.push(`and ${hidden} more, of each kind the first ${SHOWN} are shown; -o jsonl has all\n`);
  }
  return parts.join("");
}

function headline({ checked, inSync, invalid }: VerifyResult, drifted: number): string {
  const left = invalid === 0 ? "" : `; ${invalid} invalid records of the file left alone`;
  return `${checked} tasks compared: ${inSync} in step, ${drifted} not${left}`;
}
