import { foundIds } from "../app/choose.ts";
import { usage } from "../errors.ts";
import type { GetParts } from "../operations/get.ts";
import { shellWord } from "../printable.ts";
import { notFound } from "../render/item-lines.ts";
import type { SourceChoice } from "../store/mirror-link.ts";
import { memberOf, splitName, type TaskId, trimId } from "../task/ids.ts";
import type { Context } from "./context.ts";
import { isText } from "./terminal.ts";

interface Sought {
  readonly source: SourceChoice;
  readonly command: string;
  /** `USER TASK`, `USER:TASK`, or the `TASK` of any user. */
  readonly args: readonly string[];
}

/** The task that arguments name, from both stores; without a user if none has its id. @throws TtsctlError USAGE, REDIS_*, STORE_* */
export async function findTask(context: Context, parts: GetParts, sought: Sought) {
  const found = await search(context, parts, sought);
  const { invalid, warnings } = found.result;
  for (const line of warnings) context.reporter.warn(line);
  if (invalid !== null) context.reporter.warn(`the file has an invalid record of this task: ${invalid.reason}`);
  return found;
}

async function search(context: Context, parts: GetParts, { command, args, source }: Sought) {
  const [first = "", second] = args.map(trimId);
  if (first === "" || second === "") {
    const hint = `ttsctl ${command} alice t01, ttsctl ${command} alice:t01 or ttsctl ${command} t01`;
    throw usage(`${command} needs a task id, or a user and a task id`, `${hint}; see ttsctl ${command} --help`);
  }
  const { getTask } = await import("../operations/get.ts");
  const find = async (id: TaskId) => ({ id, result: await getTask(parts, id, source) });
  if (second !== undefined) return find({ userId: first, taskId: second });
  const named = (await context.rules()).isPublished ? null : splitName(first);
  const found = named === null ? null : await find(named);
  if (found !== null && (found.result.task !== null || found.result.invalid !== null)) return found;
  const instead = ({ userId, taskId }: TaskId) => {
    const end = userId.startsWith("-") || taskId.startsWith("-") ? "-- " : "";
    return `ttsctl ${command} ${end}${shellWord(userId)} ${shellWord(taskId)}`;
  };
  const [id] = await foundIds(context, [{ userId: "", taskId: first }], source, instead);
  return id!.userId === "" && found !== null ? found : find(id!);
}

export async function tellAbsent(context: Context, parts: GetParts, id: TaskId, source: SourceChoice): Promise<void> {
  if (context.flags.quiet || !isText(context.flags.output)) {
    return context.inform(notFound([memberOf(id)]));
  }
  const { explainAbsent } = await import("../operations/explain-empty.ts");
  await context.inform(`not found: ${await explainAbsent(parts, id, source)}`);
}
