import type { Ended } from "../app/ended.ts";
import { TtsctlError } from "../errors.ts";
import type { PlanSummary } from "../operations/brake.ts";
import type { DeleteResult } from "../operations/delete.ts";
import { notFound, planLines } from "../render/item-lines.ts";
import type { Context } from "./context.ts";

type Text = () => Promise<string> | string;

interface Forms {
  json(): Iterable<string>;
  /** Default: as JSON. */
  jsonLines?(): Iterable<string>;
  csv?(csv: typeof import("../render/csv.ts")): Iterable<string>;
  readonly text: Text;
}

export async function emit(context: Context, { json, jsonLines = json, csv, text }: Forms): Promise<void> {
  const { data, out } = context.terminal;
  const { output } = context.flags;
  if (output === "json") return data.writeAll(json());
  if (output === "jsonl") return data.writeAll(jsonLines());
  if (output === "yaml") return data.write((await import("../render/yaml.ts")).yamlOf([...json()].join("")));
  if (output === "csv") return data.writeAll(csv!(await import("../render/csv.ts")));
  return out.write(await text());
}

export function emitObject(context: Context, object: object, text: Text): Promise<void> {
  return emit(context, { json: () => [`${JSON.stringify(object)}\n`], text });
}

/** Prints what a run did, and returns its exit code. @throws what ended it early */
export async function conclude<R extends object>(context: Context, ended: Ended<R>, text: Text): Promise<number> {
  await emitObject(context, ended.result, text);
  if (ended.error !== null) throw ended.error;
  return ended.exitCode;
}

export function unchangedLines({ missing, refused, failed }: Pick<DeleteResult, "missing" | "refused" | "failed">) {
  return [
    missing.length > 0 && notFound(missing),
    refused.length > 0 && `${refused.length} refused`,
    failed > 0 && `${failed} failed`,
  ];
}

/** Asks before tasks are changed; without a terminal `--yes` is needed. @throws CONFIRMATION_REQUIRED, DECLINED, INTERRUPTED */
export function confirmation(context: Context, yes: boolean, question: (count: number) => string, done = "deleted") {
  const { terminal } = context;
  return async (planned: number | PlanSummary): Promise<void> => {
    if (yes) return;
    const asked = question(typeof planned === "number" ? planned : planned.count);
    if (!terminal.isInteractive()) {
      const what = `refusing to ${asked[0]!.toLowerCase()}${asked.slice(1, -1)} without confirmation`;
      throw new TtsctlError("CONFIRMATION_REQUIRED", what, { hint: "add --yes, or preview with --dry-run" });
    }
    if (typeof planned !== "number") await terminal.err.write(planLines(planned));
    const answer = await terminal.ask(`${asked} [y/N] `, context.signal, `nothing was ${done}`);
    if (!/^y(es)?$/i.test(answer.trim())) throw new TtsctlError("DECLINED", `declined: nothing was ${done}`);
  };
}
