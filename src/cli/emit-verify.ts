import type { VerifyOutcome } from "../operations/verify/verify.ts";
import {
  detailRows,
  detailsJson,
  detailsJsonLines,
  footer,
  headline,
  kindRows,
  type RepairFlags,
  SHOWN,
} from "../render/verify.ts";
import type { Context } from "./context.ts";
import { emitObject } from "./emit.ts";

type EmitFlags = RepairFlags & { readonly details: boolean };

const DETAIL_COLUMNS = ["kind", "user_id", "task_id"];

/** Prints what a comparison came to; with `--details` also whose tasks drifted. */
export async function emitVerify(context: Context, outcome: VerifyOutcome, flags: EmitFlags): Promise<void> {
  const { result, drift } = outcome;
  const { out } = context.terminal;
  if (!flags.details) return emitObject(context, result, () => describe(context, outcome, flags));
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
      return out.write(await describe(context, outcome, flags));
  }
}

async function describe(context: Context, { result, drift }: VerifyOutcome, flags: EmitFlags): Promise<string> {
  const { table } = await import("../render/table.ts");
  const { printable } = await import("../printable.ts");
  const style = await context.terminal.tableStyle(context.flags);
  const parts = [headline(result, drift.size)];
  if (drift.size === 0) return parts.join("");
  const head = ["KIND", "TASKS", "MEANING", ...(flags.repair ? ["REPAIR"] : [])];
  parts.push(table(head, kindRows(result, drift, flags), style));
  if (flags.details) {
    const rows = [...detailRows(drift, SHOWN)].map((row) => row.map(printable));
    parts.push("\n", table(["KIND", "USER", "TASK"], rows, style));
    const hidden = drift.size - rows.length;
    if (hidden > 0) parts.push(`and ${hidden} more, of each kind the first ${SHOWN} are shown; -o jsonl has all\n`);
  }
  return [...parts, footer(result, drift, flags)].join("");
}
