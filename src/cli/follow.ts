import type { Artifacts, LogPart } from "../artifacts/artifacts.ts";
import type { FollowEnd } from "../operations/follow.ts";
import { printable } from "../printable.ts";
import type { FileStore } from "../store/file/file-store.ts";
import type { MirrorLink } from "../store/mirror-link.ts";
import type { SourceChoice } from "../store/read-first.ts";
import type { TaskId } from "../store/task-source.ts";
import type { Context } from "./context.ts";
import { DONE, INTERRUPTED } from "./emit.ts";

interface Followed {
  readonly id: TaskId;
  readonly file: FileStore;
  readonly link: MirrorLink;
  readonly artifacts: Artifacts;
  readonly source: SourceChoice;
  /** With how many of the last lines to begin. */
  readonly count: number;
  /** Whether there is nothing to wait for. */
  readonly finished: boolean;
}

/**
 * Prints the lines of a task's logs as they come. Returns DONE when the task is finished or gone, INTERRUPTED on a
 * signal: a script must not go on as if the task had ended.
 */
export async function followTask(context: Context, followed: Followed): Promise<number> {
  const { signal } = context; // from here on a signal ends it in good order
  const { artifacts, id, count, finished } = followed;
  const logs = artifacts.followLogs(id.taskId);
  context.onRelease(() => logs.close());
  const began = await logs.begin(count);
  if (!began && !finished) await say(context, `${id.userId}:${id.taskId} has no log yet: waiting for one`);
  const [{ followLog }, { TaskState }] = await Promise.all([
    import("../operations/follow.ts"),
    import("../operations/task-state.ts"),
  ]);
  const state = new TaskState({ ...followed, clock: context.clock }, id, followed.source);
  const end = await followLog({
    ...{ logs, signal, finished, state: () => state.look() },
    onLines: await linePrinter(context),
    onNews: (line) => say(context, line),
  });
  const why = ENDS[end];
  if (why !== undefined) await say(context, `${id.userId}:${id.taskId} ${why}`);
  return end === "interrupted" ? INTERRUPTED : DONE;
}

const ENDS: Partial<Record<FollowEnd, string>> = {
  finished: "is finished: nothing more is written to its log",
  gone: "is gone from both stores",
};

async function say({ flags, terminal }: Context, line: string): Promise<void> {
  if (!flags.quiet) await terminal.err.write(`${printable(line)}\n`);
}

/** Prints lines; of a log other than the last one, under its name. False when nobody reads any more. */
async function linePrinter(context: Context): Promise<(part: LogPart) => Promise<boolean>> {
  const { logHead, logText } = await import("../render/get-text.ts");
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
