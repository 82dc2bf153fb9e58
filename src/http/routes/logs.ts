import type { SSEStreamingApi } from "hono/streaming";
import type { Artifacts } from "../../artifacts/artifacts.ts";
import { type FollowEnd, followLog, TaskState } from "../../operations/follow.ts";
import { logText } from "../../render/item-lines.ts";
import type { TaskId } from "../../store/task-source.ts";
import { shownStatus } from "../../task/status.ts";
import { json, jsonText } from "../answer.ts";
import type { AddEndpoint } from "../endpoints.ts";
import { type AnswerEvents, beat } from "../event-stream.ts";
import { type ServerParts, withArtifacts } from "../parts.ts";
import { turns } from "../turns.ts";
import { idOf, knownTask, TASK_PATHS } from "./voice-tasks.ts";

export interface StreamEnd {
  readonly reason: FollowEnd;
  /** As shown; null for a task that neither store has. */
  readonly status: string | null;
}

/** The id of the last event: clients send it when they ask again, as `EventSource` does, and 204 ends that. */
const ENDED = "end";

/** The last lines of the logs of a task, and its new lines as they come. */
export function addLogs(add: AddEndpoint, parts: ServerParts, answerEvents: AnswerEvents): void {
  const turn = turns(parts.clock, 1);
  for (const path of TASK_PATHS) {
    add(`GET ${path}/logs`, async (c, { user_id, lines, format }) => {
      const { taskId } = await knownTask(parts, c, user_id);
      return turn(c.env, async () => {
        const logs = await withArtifacts(parts, (artifacts) => artifacts.logsOf(taskId).last(lines));
        if (format === "json") return json({ logs });
        const text = logs.flatMap((part) => [...logText(part)]).join("");
        return jsonText(text, [], { "content-type": "text/plain; charset=utf-8" });
      });
    });
    add(`GET ${path}/logs/stream`, (c, { user_id, lines }) => {
      const id = idOf(parts, c, user_id);
      if (c.req.header("last-event-id") === ENDED) return c.body(null, 204);
      return answerEvents(c, (stream, signal) =>
        withArtifacts(parts, (artifacts) => follow(parts, artifacts, id, lines, stream, signal)),
      );
    });
  }
}

/** Until the task is finished or the signal. @param count last lines to begin with */
async function follow(
  { clock, run }: ServerParts,
  artifacts: Artifacts,
  id: TaskId,
  count: number,
  stream: SSEStreamingApi,
  signal: AbortSignal,
): Promise<void> {
  const send = (event: string, data: object | string) => stream.writeSSE({ event, data: JSON.stringify(data) });
  const logs = artifacts.logsOf(id.taskId);
  try {
    const state = new TaskState({ ...(await run.stores()), clock }, id, "auto");
    const first = await state.look();
    await logs.begin(count);
    await beat(stream); // there may be no lines yet
    const onLines = async (part: object) => {
      await send("lines", part);
      return !signal.aborted;
    };
    const heard = { onLines, onNews: (line: string) => send("note", line) };
    const finished = first !== "open";
    const reason = await followLog({ clock, logs, signal, finished, state: () => state.look(), ...heard });
    const status = state.status === null ? null : (shownStatus(state.status) ?? state.status);
    const isGone = reason === "finished" && status === null;
    const end: StreamEnd = { reason: isGone ? "gone" : reason, status };
    const isOver = reason === "finished" ? { id: ENDED } : {};
    await stream.writeSSE({ event: "end", data: JSON.stringify(end), ...isOver });
  } finally {
    logs.close();
  }
}
