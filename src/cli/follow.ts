import type { Artifacts, LogPart } from "../artifacts/artifacts.ts";
import type { FollowEnd } from "../operations/follow.ts";
import { printable } from "../printable.ts";
import type { FileStore } from "../store/file/file-store.ts";
import type { MirrorLink } from "../store/mirror-link.ts";
import type { SourceChoice } from "../store/read-first.ts";
import type { TaskId } from "../store/task-source.ts";
import { isTerminal, shownStatus } from "../task/status.ts";
import type { Context } from "./context.ts";
import { DONE, FAILED, INTERRUPTED } from "./emit.ts";

interface Followed {
  readonly id: TaskId;
  readonly file: FileStore;
  readonly link: MirrorLink;
  readonly artifacts: Artifacts;
  readonly source: SourceChoice;
  /** With how many of the last lines to begin. */
  readonly count: number;
  /** The task's status; null for an invalid record, which is not waited for. */
  readonly status: string | null;
}

/**
 * Prints the lines of a task's logs as they come. Returns FAILED when the task ended in an error, DONE when it
 * ended otherwise or is gone, INTERRUPTED on a signal: a script must not go on as if the task had ended.
 */
export async function followTask(context: Context, followed: Followed): Promise<number> {
  const { signal } = context; // from here on a signal ends it in good order
  const { artifacts, id, count } = followed;
  const finished = followed.status === null || isTerminal(followed.status);
  const logs = artifacts.followLogs(id.taskId);
  context.onRelease(() => logs.close());
  const began = await logs.begin(count);
  if (!began && !finished) await say(context, `${id.userId}:${id.taskId} has no log yet: waiting for one`);
  const [{ followLog }, { TaskState }] = await Promise.all([
    import("../operations/follow.ts"),
    import("../operations/follow.ts"),
  ]);
  const state = new TaskState({ ...followed, clock: context.clock }, id, followed.source);
  const end = await followLog({
    ...{ logs, signal, finished, state: () => state.look() },
    onLines: await linePrinter(context),
    onNews: (line) => say(context, line),
  });
  const last = shownStatus((finished ? followed.status : state.status) ?? "");
  const why = endText(end, last);
  if (why !== undefined) await say(context, `${id.userId}:${id.taskId} ${why}`);
  if (end === "interrupted") return INTERRUPTED;
  return end === "finished" && last === "error" ? FAILED : DONE;
}

function endText(end: FollowEnd, last: string | undefined): string | undefined {
  if (end === "gone") return "is gone from both stores";
  return end === "finished" ? `is finished${last === undefined ? "" : `: ${last}`}` : undefined;
}

async function say({ flags, terminal }: Context, line: string): Promise<void> {
  if (!flags.quiet) await terminal.err.write(`${printable(line)}\n`);
}

/** Prints lines; of a log other than the last one, under its name. False when nobody reads any more. */
async function linePrinter(context: Context): Promise<(part: LogPart) => Promise<boolean>> {
  const { logHead, logText } = await import("../render/get.ts");
  const asObjects = context.flags.output === "jsonl";
  const out = asObjects ? context.terminal.data : context.terminal.out;
  let last: string | undefined;
  return async ({ path, lines }) => {
    const head = asObjects || path === last ? "" : `${logHead(path)}\n`;
    last = path;
    const text = asObjects
      ? lines.map((line) => `${JSON.stringify({ path, line })}\n`).join("")
      : lines.map((line) => `${logText(line)}\n`).join("");
    await out.write(head + text);
    return out.isOpen;
  };
}
