import type { Command } from "commander";
import { TtsctlError } from "../../errors.ts";
import type { GetResult } from "../../operations/get.ts";
import type { SourceChoice } from "../../store/task-store.ts";
import { trimId } from "../../task/ids.ts";
import type { Attach } from "../attach.ts";
import type { Context } from "../context.ts";
import { DONE, PARTLY } from "../emit.ts";
import { formatBytes, openArtifactsOf } from "../purging.ts";
import { addSource } from "../selection.ts";

export function declareGet(program: Command, attach: Attach): void {
  const command = program
    .command("get")
    .argument("<user>")
    .argument("<task>")
    .description("one task from both stores, with its files")
    .addHelpText("after", EXAMPLES);
  addSource(command);
  attach<{ source: SourceChoice }>(command, runGet);
}

const EXAMPLES = `
Examples:
  ttsctl get alice t01
  ttsctl get alice t01 -o json`;

async function runGet(context: Context, flags: { source: SourceChoice }, args: string[]): Promise<number> {
  const [userId = "", taskId = ""] = args.map(trimId);
  if (userId === "" || taskId === "") {
    throw new TtsctlError("USAGE", "get needs a user id and a task id", { hint: "ttsctl get alice t01" });
  }
  const { getTask } = await import("../../operations/get.ts");
  const parts = {
    file: await context.fileStore(),
    link: await context.mirrorLink(),
    artifacts: await openArtifactsOf(context),
  };
  const result = await getTask(parts, { userId, taskId }, flags.source);
  for (const line of result.warnings) context.reporter.warn(line);
  if (result.invalid !== null) {
    context.reporter.warn(`the file holds a record of it that is not valid: ${result.invalid.reason}`);
  }
  await emitGet(context, result);
  const found = result.task !== null || result.invalid !== null;
  if (!found && !context.flags.quiet) await context.terminal.err.write("not found\n");
  return found ? DONE : PARTLY;
}

async function emitGet(context: Context, result: GetResult): Promise<void> {
  const { getJson } = await import("../../render/get.ts");
  const { out } = context.terminal;
  const { output } = context.flags;
  if (output === "json" || output === "jsonl") return out.write(`${getJson(result)}\n`);
  if (output === "yaml") return out.write((await import("../../render/yaml.ts")).yamlOf(getJson(result)));
  if (output === "csv") {
    const tasks = result.task === null ? [] : [result.task];
    return out.write((await import("../../render/csv.ts")).csvOfTasks(tasks));
  }
  await out.write(await describeGet(context, result));
}

async function describeGet(context: Context, result: GetResult): Promise<string> {
  if (result.task === null) return result.invalid === null ? "" : `${result.invalid.json}\n`;
  const [{ getRows, getTitle }, { pairTable }, { printable }] = await Promise.all([
    import("../../render/get.ts"),
    import("../../render/table.ts"),
    import("../../render/printable.ts"),
  ]);
  const fields = pairTable(getRows(result), await context.terminal.tableStyle(context.flags));
  const files = result.artifacts.map(({ path, bytes }) => `${printable(path)}  ${formatBytes(bytes)}\n`);
  return `${printable(getTitle(result))}\n${fields}${files.length === 0 ? "no audio, no logs\n" : files.join("")}`;
}
