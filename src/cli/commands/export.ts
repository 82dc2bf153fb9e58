import { resolve } from "node:path";
import { DONE, PARTLY } from "../../app/ended.ts";
import { TtsctlError } from "../../errors.ts";
import type { ExportFormat } from "../../render/csv.ts";
import { notFound } from "../../render/item-lines.ts";
import { counted } from "../../task/amounts.ts";
import { soleUser } from "../../task/query-fields.ts";
import type { CommandSpec, Context, Flags } from "../context.ts";
import { addSelection, addSource, selectionOf, tellNobody } from "../selection.ts";

export const spec: CommandSpec = {
  about: "export tasks of both stores as JSON Lines, for a backup or a move: all, or chosen ones",
  declare(command) {
    command
      .option("--to <file>", "write to this file instead of stdout, completely or not at all")
      .option("--force", "overwrite the --to file if it exists", false);
    addSource(addSelection(command));
  },
  async run(context, flags) {
    const { reporter, terminal } = context;
    const format = context.flags.output as ExportFormat;
    const chosen = { ...(await selectionOf(context, flags)), source: flags.source };
    const { exportTasks } = await import("../../operations/export/export.ts");
    const { exportText } = await import("../../render/csv.ts");
    const text = exportText(format);
    const sink = await openSink(context, flags);
    const parts = {
      file: await context.fileStore(),
      reporter,
      signal: context.signal,
      mirror: flags.source === "file" ? ({ kind: "off" } as const) : await context.mirrorState(),
      write: (tasks: Parameters<typeof text.of>[0]) => sink.write(text.of(tasks)),
    };
    const result = await exportTasks(parts, { ...chosen, asLines: format === "jsonl" });
    const { fromFile, fromRedis, missing, dangling, failed, problem } = result;
    await sink.write(text.end());
    await sink.finish();
    await tellNobody(context, soleUser(chosen.filter), fromFile + fromRedis + missing.length);
    if (problem !== null) {
      const what = problem.code === "STORE_EMPTY" ? "has only tasks from Redis" : "may lack Redis-only tasks";
      reporter.warn(`${problem.message}: the export ${what}`);
    }
    if (missing.length > 0) reporter.warn(notFound(missing));
    const left = `${counted(dangling, "index member")} without a task left out`;
    if (dangling > 0) reporter.warn(`${left}; \`ttsctl verify --details\` names them`);
    const done = `${counted(fromFile + fromRedis, "task")} exported${flags.to === undefined ? "" : ` to ${flags.to}`}`;
    if (terminal.out.isOpen) await context.inform(`${done}: ${fromFile} from the file, ${fromRedis} from Redis`);
    return problem !== null || missing.length + failed > 0 ? PARTLY : DONE;
  },
  examples: `
Of each task the newer of the two copies is exported. -o chooses the format:
jsonl (default), json (an array) or csv; \`ttsctl import\` reads all three.
Examples:
  ttsctl export --to backup.jsonl
  ttsctl export | gzip > backup.jsonl.gz
  ttsctl export --user alice --status done -o csv > alice.csv
  ttsctl export --source redis --to rescued.jsonl     if the file is lost`,
};

/** The target of an export, complete when `finish` returns. */
async function openSink(context: Context, { to, force }: Flags) {
  if (to !== undefined) {
    const { TargetFile } = await import("../../operations/export/target-file.ts");
    const file = await TargetFile.open(resolve(context.caller.cwd, to), force, await context.filesInUse());
    context.onRelease(() => file.close());
    return file;
  }
  const { data: out } = context.terminal;
  const checked = async (written: Promise<void>) => {
    await written;
    if (out.isGone) throw new TtsctlError("OUTPUT_FAILED", "the reader closed the pipe: the export is incomplete");
  };
  return {
    write: (pieces: Iterable<string>) => checked(out.writeAll(pieces)),
    finish: () => checked(out.flush()),
  };
}
