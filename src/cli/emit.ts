import type { Ended } from "../app/ended.ts";
import { TtsctlError } from "../errors.ts";
import type { PlanSummary } from "../operations/brake.ts";
import type { DeleteResult } from "../operations/delete.ts";
import { namedAbove } from "../operations/reporter.ts";
import { notFound, planLines } from "../render/item-lines.ts";
import type { Context } from "./context.ts";

interface Forms {
  json(): Iterable<string>;
  /** Default: as JSON. */
  jsonLines?(): Iterable<string>;
  /** For commands that have this format. */
  csv?(csv: typeof import("../render/csv.ts")): Iterable<string>;
  show(): Promise<void>;
}

export async function emit(context: Context, { json, jsonLines = json, csv, show }: Forms): Promise<void> {
  const { data } = context.terminal;
  switch (context.flags.output) {
    case "json":
      return data.writeAll(json());
    case "jsonl":
      return data.writeAll(jsonLines());
    case "yaml":
      return data.write((await import("../render/yaml.ts")).yamlOf([...json()].join("")));
    case "csv":
      return data.writeAll(csv!(await import("../render/csv.ts")));
    default:
      return show();
  }
}

export function emitObject(context: Context, object: object, text: () => Promise<string> | string): Promise<void> {
  return emit(context, {
    json: () => [`${JSON.stringify(object)}\n`],
    show: async () => context.terminal.out.write(await text()),
  });
}

/** Prints what a run did, and returns its exit code. @throws what ended it early */
export async function conclude<R extends object>(
  context: Context,
  ended: Ended<R>,
  text: () => Promise<string> | string,
) {
  await emitObject(context, ended.result, text);
  if (ended.error !== null) throw ended.error;
  return ended.exitCode;
}

/** @param lines false for those that don't apply */
export function textOf(...lines: (string | false)[]): string {
  return `${lines.filter((line) => line !== false).join("\n")}\n`;
}

type Unchanged = Pick<DeleteResult, "missing" | "refused" | "failed">;

/** The chosen tasks that weren't changed. */
export function unchangedLines({ missing, refused, failed }: Unchanged): (string | false)[] {
  return [
    missing.length > 0 && notFound(missing),
    refused.length > 0 && `${refused.length} refused (${namedAbove(refused.length)})`,
    failed > 0 && `${failed} failed (${namedAbove(failed)})`,
  ];
}

/**
 * Asks before tasks are deleted or changed. Without a terminal `--yes` is needed.
 * @throws TtsctlError CONFIRMATION_REQUIRED, DECLINED, INTERRUPTED
 */
export function confirmation(context: Context, yes: boolean, question: (count: number) => string, done = "deleted") {
  const { terminal } = context;
  return async (planned: number | PlanSummary): Promise<void> => {
    if (yes) return;
    const count = typeof planned === "number" ? planned : planned.count;
    if (!terminal.isInteractive) {
      const asked = question(count).slice(0, -1);
      const what = `refusing to ${asked[0]!.toLowerCase()}${asked.slice(1)} without confirmation`;
      throw new TtsctlError("CONFIRMATION_REQUIRED", what, { hint: "add --yes, or preview with --dry-run" });
    }
    if (typeof planned !== "number") await terminal.err.write(planLines(planned));
    const answer = await terminal.ask(`${question(count)} [y/N] `, context.signal).catch((cause) => {
      throw new TtsctlError("INTERRUPTED", `interrupted: nothing was ${done}`, { cause });
    });
    if (!/^y(es)?$/i.test(answer.trim())) throw new TtsctlError("DECLINED", `declined: nothing was ${done}`);
  };
}
