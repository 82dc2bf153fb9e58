import { type Command, InvalidArgumentError } from "commander";
import { TtsctlError } from "../../errors.ts";
import type { GetResult } from "../../operations/get.ts";
import type { SourceChoice } from "../../store/read-first.ts";
import type { TaskId } from "../../store/task-source.ts";
import { trimId } from "../../task/ids.ts";
import type { Attach } from "../attach.ts";
import type { Context } from "../context.ts";
import { DONE, emit, PARTLY } from "../emit.ts";
import { isText } from "../globals.ts";
import { addSource } from "../selection.ts";

const LOG_LINES = 20;
const MOST_LOG_LINES = 10_000;

interface GetFlags {
  readonly source: SourceChoice;
  readonly log?: number | true;
  readonly follow: boolean;
}

export function declareGet(program: Command, attach: Attach): void {
  const command = program
    .command("get")
    .argument("[user]")
    .argument("[task]")
    .usage("[options] [user] <task>")
    .description("one task from both stores, with its files and log")
    .option("--log [lines]", `the last lines of its logs (default: ${LOG_LINES})`, logLines)
    .option("-f, --follow", "go on with new lines as they come, until the task is finished", false)
    .addHelpText("after", EXAMPLES);
  addSource(command);
  attach<GetFlags>(command, runGet);
}

const EXAMPLES = `
--follow ends with 0 when the task is done, with 1 when it failed, and with 130
on Ctrl-C. With -o jsonl each line is an object.
Examples:
  ttsctl get alice t01
  ttsctl get t01                the task with that id, of any user
  ttsctl get alice t01 -o json
  ttsctl get alice t01 --log 50
  ttsctl get alice t04 --follow`;

function logLines(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= MOST_LOG_LINES) return count;
  throw new InvalidArgumentError(`accepted: a number of lines from 1 to ${MOST_LOG_LINES}, after the ids`);
}

async function runGet(context: Context, flags: GetFlags, args: string[]): Promise<number> {
  const [first, second] = args.filter((arg) => arg !== undefined).map(trimId);
  if (first === undefined || first === "" || second === "") {
    throw new TtsctlError("USAGE", "get needs a task id", {
      hint: "ttsctl get alice t01, or ttsctl get t01; see ttsctl get --help",
    });
  }
  const { output } = context.flags;
  if (flags.follow && (output === "json" || output === "yaml" || output === "csv")) {
    throw new TtsctlError("USAGE", `--follow has no end that -o ${output} could wait for`, {
      hint: "use -o jsonl, or --log without --follow",
    });
  }
  const id = second === undefined ? await findById(context, flags, first) : { userId: first, taskId: second };
  return lookAndShow(context, flags, id);
}

/** The task with an id; with an empty user if there is none. */
async function findById(context: Context, { source }: GetFlags, taskId: string): Promise<TaskId> {
  const { taskWithId } = await import("../../store/tasks-with-id.ts");
  const parts = { file: await context.fileStore(), link: await context.mirrorLink() };
  return (await taskWithId(parts, taskId, source)) ?? { userId: "", taskId };
}

async function lookAndShow(context: Context, { source, log, follow }: GetFlags, id: TaskId): Promise<number> {
  const { getTask } = await import("../../operations/get.ts");
  const artifacts = await context.artifacts();
  const parts = { file: await context.fileStore(), link: await context.mirrorLink(), artifacts };
  const count = log === true || log === undefined ? LOG_LINES : log;
  const result = await getTask(parts, id, { source, logLines: log === undefined || follow ? null : count });
  warnOf(context, result);
  const found = result.task !== null || result.invalid !== null;
  if (!(follow && context.flags.output === "jsonl")) await emitGet(context, result);
  if (!found) {
    await sayAbsent(context, id, source);
    return PARTLY;
  }
  if (!follow) return DONE;
  const { followTask } = await import("../follow.ts");
  return followTask(context, { ...parts, id, source, count, status: result.task?.status ?? null });
}

async function sayAbsent(context: Context, id: TaskId, source: SourceChoice): Promise<void> {
  if (context.flags.quiet || !isText(context.flags.output)) return context.tell("not found");
  const { explainAbsent } = await import("../../operations/explain-empty.ts");
  const parts = { store: await context.taskStore(), file: await context.fileStore(), link: await context.mirrorLink() };
  await context.tell(`not found: ${await explainAbsent(parts, id, source)}`);
}

function warnOf({ reporter }: Context, { warnings, invalid }: GetResult): void {
  for (const line of warnings) reporter.warn(line);
  if (invalid !== null) reporter.warn(`the file holds a record of it that is not valid: ${invalid.reason}`);
}

async function emitGet(context: Context, result: GetResult): Promise<void> {
  const { getJson } = await import("../../render/get.ts");
  return emit(context, {
    json: () => [`${getJson(result)}\n`],
    csv: async () => [(await import("../../render/csv.ts")).csvOfTasks(result.task === null ? [] : [result.task])],
    show: async () => {
      const { getText } = await import("../../render/get.ts");
      await context.terminal.out.writeAll(getText(result, await context.terminal.tableStyle(context.flags)));
    },
  });
}
