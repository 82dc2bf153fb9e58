import { type FollowEnd, followLog } from "../../operations/follow.ts";
import { logText } from "../../render/item-lines.ts";
import { shownStatus } from "../../task/status.ts";
import { json, jsonText } from "../answer.ts";
import { type AddEndpoint, inTurns } from "../endpoints.ts";
import { type AnswerEvents, beat } from "../event-stream.ts";
import { artifactsOf, type ServerParts } from "../parts.ts";
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
  const { clock, store } = parts;
  const addLines = inTurns(add, turns(clock, 1));
  for (const path of TASK_PATHS) {
    addLines(`GET ${path}/logs`, async (c, { user_id, lines, format }) => {
      const { taskId } = await knownTask(parts, c, user_id);
      using artifacts = artifactsOf(parts);
      const logs = await artifacts.logsOf(taskId).last(lines);
      if (format === "json") return json({ logs });
      const text = logs.flatMap((part) => [...logText(part)]).join("");
      return jsonText(text, [], { "content-type": "text/plain; charset=utf-8" });
    });
    add(`GET ${path}/logs/stream`, (c, { user_id, lines }) => {
      const id = idOf(parts, c, user_id);
      if (c.req.header("last-event-id") === ENDED) return c.body(null, 204);
      return answerEvents(c, async (stream, signal) => {
        const send = (event: string, data: object | string, more = {}) =>
          stream.writeSSE({ event, data: JSON.stringify(data), ...more });
        using artifacts = artifactsOf(parts);
        using logs = artifacts.logsOf(id.taskId);
        await logs.begin(lines);
        await beat(stream); // there may be no lines yet
        const onLines = async (part: object) => {
          await send("lines", part);
          return !signal.aborted;
        };
        const heard = { onLines, onNews: (line: string) => send("note", line) };
        const { end, status: last } = await followLog({ ...store, clock, logs, signal, ...heard }, id, "auto");
        const status = last && (shownStatus(last) ?? last);
        const isOver = end === "finished" || end === "gone";
        const sent: StreamEnd = { reason: isOver && status === null ? "gone" : end, status };
        await send("end", sent, isOver ? { id: ENDED } : {});
      });
    });
  }
}
