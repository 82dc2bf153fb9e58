import type { Hono } from "hono";
import type { LogPart } from "../../artifacts/artifacts.ts";
import { usage } from "../../errors.ts";
import { type FollowEnd, followLog } from "../../operations/follow.ts";
import { logText } from "../../render/item-lines.ts";
import type { TaskId } from "../../store/task-source.ts";
import { parseWholeNumber } from "../../task/amounts.ts";
import { shownStatus } from "../../task/status.ts";
import { PLAIN } from "../dialects.ts";
import type { EventStreams, EventWriter } from "../event-stream.ts";
import type { Env, ServerParts } from "../parts.ts";
import { turns } from "../turns.ts";
import { idOf, idParams, TASK_PATHS } from "./voice-tasks.ts";

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

/** The last lines of the logs of a task, and its new lines as they come. */
export function addLogs(app: Hono<Env>, parts: ServerParts, streams: EventStreams): void {
  const turn = turns<string>(1, (text) => text.length);
  for (const path of TASK_PATHS) {
    app.get(`${path}/logs`, async (c) => {
      const params = PLAIN.params(c.req.url, [...idParams(c), "lines", "format"]);
      const [id, count, format] = [idOf(parts, c, params), linesIn(params), formatIn(params)];
      const text = await turn(c.env, async () => {
        const logs = await lastLines(parts, id, count);
        if (format === "json") return `${JSON.stringify({ logs })}\n`;
        return logs.flatMap((part) => [...logText(part)]).join("");
      });
      return new Response(text, { headers: { "content-type": TYPES[format] } });
    });
    app.get(`${path}/logs/stream`, (c) => {
      const params = PLAIN.params(c.req.url, [...idParams(c), "lines"]);
      const [id, count] = [idOf(parts, c, params), linesIn(params)];
      return streams.answer(c, (writer, signal) => follow(parts, { id, count }, writer, signal));
    });
  }
}

/** @throws TtsctlError USAGE */
function linesIn(params: ReadonlyMap<string, string>): number {
  const text = params.get("lines");
  if (text === undefined) return DEFAULT_LINES;
  const count = parseWholeNumber(text) ?? 0;
  if (count >= 1 && count <= MOST_LINES) return count;
  throw usage(`lines: ${JSON.stringify(text)} is wrong`, `accepted: a whole number from 1 to ${MOST_LINES}`);
}

/** @throws TtsctlError USAGE */
function formatIn(params: ReadonlyMap<string, string>): Format {
  const text = params.get("format") ?? "json";
  const format = LOG_FORMATS.find((known) => known === text);
  if (format !== undefined) return format;
  throw usage(`format: ${JSON.stringify(text)} is wrong`, `accepted: ${LOG_FORMATS.join(", ")}`);
}

async function lastLines({ openArtifacts }: ServerParts, { taskId }: TaskId, count: number): Promise<LogPart[]> {
  const artifacts = await openArtifacts();
  try {
    return await artifacts.lastLogLines(taskId, count);
  } finally {
    await artifacts.close();
  }
}

interface Followed {
  readonly id: TaskId;
  /** Last lines to begin with. */
  readonly count: number;
}

/** Until the task is finished or the signal. */
async function follow(
  { openArtifacts, taskState }: ServerParts,
  { id, count }: Followed,
  writer: EventWriter,
  signal: AbortSignal,
): Promise<void> {
  const artifacts = await openArtifacts();
  const logs = artifacts.followLogs(id.taskId);
  try {
    const state = await taskState(id);
    const first = await state.look();
    await logs.begin(count);
    await writer.beat(); // there may be no lines yet
    const reason = await followLog({
      logs,
      signal,
      finished: first !== "open",
      state: () => state.look(),
      onLines: async (part) => {
        await writer.send("lines", part);
        return !signal.aborted;
      },
      onNews: (line) => writer.send("note", line),
    });
    const status = state.status === null ? null : (shownStatus(state.status) ?? state.status);
    const isGone = reason === "finished" && status === null;
    await writer.send("end", { reason: isGone ? "gone" : reason, status } satisfies StreamEnd);
  } finally {
    await logs.close();
    await artifacts.close();
  }
}
