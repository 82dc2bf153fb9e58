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
import { emit, emitObject } from "./emit.ts";

type EmitFlags = RepairFlags & { readonly details: boolean };

const DETAIL_COLUMNS = ["kind", "user_id", "task_id"];

/** Prints what a comparison came to; with `--details` also whose tasks drifted. */
export async function emitVerify(context: Context, outcome: VerifyOutcome, flags: EmitFlags): Promise<void> {
  const { result, drift } = outcome;
  if (!flags.details) return emitObject(context, result, () => describe(context, outcome, flags));
  return emit(context, {
    json: () => detailsJson(result, drift),
    jsonLines: () => detailsJsonLines(drift),
    csv: async () => (await import("../render/csv.ts")).csvOfRows(DETAIL_COLUMNS, detailRows(drift)),
    show: async () => context.terminal.out.write(await describe(context, outcome, flags)),
  });
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
    parts.push("\n", table(["KIND", "USER", "TASK"], rows, style, 1));
    const hidden = drift.size - rows.length;
    if (hidden > 0) parts.push(`and ${hidden} more, of each kind the first ${SHOWN} are shown; -o jsonl has all\n`);
  }
  return [...parts, footer(result, drift, flags)].join("");
}
