import type { Hono } from "hono";
import type { SSEStreamingApi } from "hono/streaming";
import type { Artifacts } from "../../artifacts/artifacts.ts";
import { type FollowEnd, followLog, TaskState } from "../../operations/follow.ts";
import { logText } from "../../render/item-lines.ts";
import type { TaskId } from "../../store/task-source.ts";
import { shownStatus } from "../../task/status.ts";
import { PLAIN } from "../dialects.ts";
import { type AnswerEvents, beat } from "../event-stream.ts";
import { type Env, type ServerParts, withArtifacts } from "../parts.ts";
import { choiceIn, type Params, wholeNumberIn } from "../request.ts";
import { turns } from "../turns.ts";
import { idOf, idParams, knownTask, TASK_PATHS } from "./voice-tasks.ts";

const DEFAULT_LINES = 20;
export const MOST_LINES = 10_000;
const TYPES = { json: "application/json", text: "text/plain; charset=utf-8" } as const;
type Format = keyof typeof TYPES;
export const LOG_FORMATS = Object.keys(TYPES) as Format[];

/** The last event of a stream. */
export interface StreamEnd {
  readonly reason: FollowEnd;
  /** As shown; null for a task that neither store has. */
  readonly status: string | null;
}

/** The id of the last event: clients send it when they ask again, as `EventSource` does, and 204 ends that. */
const ENDED = "end";

/** The last lines of the logs of a task, and its new lines as they come. */
export function addLogs(app: Hono<Env>, parts: ServerParts, answerEvents: AnswerEvents): void {
  const turn = turns<string>(parts.clock, 1, (text) => text.length);
  const linesIn = (params: Params) => wholeNumberIn(params, "lines", DEFAULT_LINES, MOST_LINES);
  for (const path of TASK_PATHS) {
    app.get(`${path}/logs`, async (c) => {
      const params = PLAIN.params(c.req.url, [...idParams(c), "lines", "format"]);
      const [{ taskId }, count] = [await knownTask(parts, c, params), linesIn(params)];
      const format = choiceIn(params, "format", LOG_FORMATS);
      const text = await turn(c.env, async () => {
        const logs = await withArtifacts(parts, (artifacts) => artifacts.logsOf(taskId).last(count));
        if (format === "json") return `${JSON.stringify({ logs })}\n`;
        return logs.flatMap((part) => [...logText(part)]).join("");
      });
      return new Response(text, { headers: { "content-type": TYPES[format] } });
    });
    app.get(`${path}/logs/stream`, (c) => {
      const params = PLAIN.params(c.req.url, [...idParams(c), "lines"]);
      const [id, count] = [idOf(parts, c, params), linesIn(params)];
      if (c.req.header("last-event-id") === ENDED) return c.body(null, 204);
      return answerEvents(c, (stream, signal) =>
        withArtifacts(parts, (artifacts) => follow(parts, artifacts, id, count, stream, signal)),
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
    const reason = await followLog({
      clock,
      logs,
      signal,
      finished: first !== "open",
      state: () => state.look(),
      onLines: async (part) => {
        await send("lines", part);
        return !signal.aborted;
      },
      onNews: (line) => send("note", line),
    });
    const status = state.status === null ? null : (shownStatus(state.status) ?? state.status);
    const isGone = reason === "finished" && status === null;
    const end: StreamEnd = { reason: isGone ? "gone" : reason, status };
    const isOver = reason === "finished" ? { id: ENDED } : {};
    await stream.writeSSE({ event: "end", data: JSON.stringify(end), ...isOver });
  } finally {
    logs.close();
  }
}
