import { foundIds } from "../app/choose.ts";
import { PARTLY } from "../app/ended.ts";
import { usage } from "../errors.ts";
import type { GetParts } from "../operations/get.ts";
import { shellWord } from "../printable.ts";
import { notFound } from "../render/item-lines.ts";
import type { SourceChoice } from "../store/mirror-link.ts";
import { memberOf, splitName, type TaskId, trimId } from "../task/ids.ts";
import type { Context } from "./context.ts";
import { isText } from "./terminal.ts";

/**
 * The task that arguments name as `USER TASK`, `USER:TASK`, or the `TASK` of any user, from both stores; without a user if none has its
 * id. @throws TtsctlError USAGE, REDIS_*, STORE_*
 */
export async function findTask(
  context: Context,
  parts: GetParts,
  command: string,
  args: readonly string[],
  source: SourceChoice,
) {
  const [first = "", second] = args.map(trimId);
  if (first === "" || second === "") {
    const hint = `ttsctl ${command} alice t01, ttsctl ${command} alice:t01 or ttsctl ${command} t01`;
    throw usage(`${command} needs a task id, or a user and a task id`, `${hint}; see ttsctl ${command} --help`);
  }
  const { getTask } = await import("../operations/get.ts");
  const find = async (id: TaskId) => {
    const result = await getTask(parts, id, source);
    return { id, result, isFound: result.task !== null || result.invalid !== null };
  };
  const member = (await context.rules()).isPublished ? null : splitName(first);
  const named = second === undefined ? member : { userId: first, taskId: second };
  let found = named && (await find(named));
  if (second === undefined && !found?.isFound) {
    const instead = ({ userId, taskId }: TaskId) => {
      const end = userId.startsWith("-") || taskId.startsWith("-") ? "-- " : "";
      return `ttsctl ${command} ${end}${shellWord(userId)} ${shellWord(taskId)}`;
    };
    const [id] = await foundIds(context, [{ userId: "", taskId: first }], source, instead);
    if (found === null || id!.userId !== "") found = await find(id!);
  }
  const { invalid, warnings } = found!.result;
  for (const line of warnings) context.reporter.warn(line);
  if (invalid !== null) context.reporter.warn(`the file has an invalid record of this task: ${invalid.reason}`);
  return found!;
}

/** Returns the exit code. */
export async function tellAbsent(context: Context, parts: GetParts, id: TaskId, source: SourceChoice): Promise<number> {
  if (context.flags.quiet || !isText(context.flags.output)) {
    await context.inform(notFound([memberOf(id)]));
  } else {
    const { explainAbsent } = await import("../operations/explain-empty.ts");
    await context.inform(`not found: ${await explainAbsent(parts, id, source)}`);
  }
  return PARTLY;
}
