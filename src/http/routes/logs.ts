import type { Context, Hono } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { LogPart } from "../../artifacts/artifacts.ts";
import { usage } from "../../errors.ts";
import { type FollowEnd, followLog } from "../../operations/follow.ts";
import { logText } from "../../render/log.ts";
import type { TaskId } from "../../store/task-source.ts";
import { parseWholeNumber } from "../../task/amounts.ts";
import { shownStatus } from "../../task/status.ts";
import { HttpError, problemOf } from "../answer.ts";
import { PLAIN } from "../dialects.ts";
import type { Env, ServerParts } from "../parts.ts";
import { turns } from "../turns.ts";
import { idOf, idParams, TASK_PATHS } from "./voice-tasks.ts";

const DEFAULT_LINES = 20;
export const MOST_LINES = 10_000;
const TYPES = { json: "application/json", text: "text/plain; charset=utf-8" } as const;
type Format = keyof typeof TYPES;
export const LOG_FORMATS = Object.keys(TYPES) as Format[];

/** Each holds files open and looks for new lines five times a second. */
const MOST_STREAMS = 32;
/** Proxies and `serve` itself close a connection on which nothing is sent for a minute or two. */
const HEARTBEAT_MS = 15_000;

/** The last event of a stream. */
export interface StreamEnd {
  readonly reason: FollowEnd;
  /** As shown; null for a task that neither store has. */
  readonly status: string | null;
}

/** The last lines of the logs of a task, and its new lines as they come. */
export function addLogs(app: Hono<Env>, parts: ServerParts): void {
  const turn = turns<string>(1, (text) => text.length);
  const streams = new Streams();
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
      if (c.env.incoming.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
      return streamLogs(c, parts, streams, { id, count });
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

/** Server-sent events until the task is finished, the client leaves or the server stops. @throws HttpError BUSY */
function streamLogs(c: Context<Env>, parts: ServerParts, streams: Streams, followed: Followed): Response {
  const stream = streams.begin(parts.signal);
  c.env.outgoing.once("close", () => stream.abort());
  c.header("X-Accel-Buffering", "no"); // nginx would hold lines back
  const response = streamSSE(c, async (output) => {
    const heartbeat = setInterval(() => void beat(output), HEARTBEAT_MS);
    try {
      await follow(parts, followed, output, stream.signal);
    } catch (error) {
      const problem = problemOf(error);
      if (problem.code === "INTERNAL") parts.failed(error);
      await send(output, "problem", problem);
    } finally {
      clearInterval(heartbeat);
      streams.end(stream);
    }
  });
  response.headers.delete("connection"); // Hono's keep-alive would hold connections open while the server stops
  return response;
}

/** Those under way. */
class Streams {
  readonly #open = new Set<AbortController>();
  readonly #endAll = () => {
    for (const stream of this.#open) stream.abort();
  };

  /** @throws HttpError BUSY */
  begin(stopped: AbortSignal): AbortController {
    if (this.#open.size >= MOST_STREAMS) {
      const hint = "end one of them, or read the last lines without /stream";
      throw new HttpError("BUSY", `${MOST_STREAMS} logs are being followed`, hint, { "retry-after": "5" });
    }
    const stream = new AbortController();
    this.#open.add(stream);
    stopped.addEventListener("abort", this.#endAll); // one listener, however often it is added
    if (stopped.aborted) stream.abort();
    return stream;
  }

  end(stream: AbortController): void {
    this.#open.delete(stream);
  }
}

async function beat(stream: SSEStreamingApi): Promise<void> {
  await stream.write(": still here\n\n");
}

function send(stream: SSEStreamingApi, event: string, data: object | string): Promise<void> {
  return stream.writeSSE({ event, data: JSON.stringify(data) });
}

async function follow(
  { openArtifacts, taskState }: ServerParts,
  { id, count }: Followed,
  stream: SSEStreamingApi,
  signal: AbortSignal,
): Promise<void> {
  const artifacts = await openArtifacts();
  const logs = artifacts.followLogs(id.taskId);
  try {
    const state = await taskState(id);
    const first = await state.look();
    await logs.begin(count);
    await beat(stream); // there may be no lines yet
    const reason = await followLog({
      logs,
      signal,
      finished: first !== "open",
      state: () => state.look(),
      onLines: async (part) => {
        await send(stream, "lines", part);
        return !signal.aborted;
      },
      onNews: (line) => send(stream, "note", line),
    });
    const status = state.status === null ? null : (shownStatus(state.status) ?? state.status);
    const isGone = reason === "finished" && status === null;
    await send(stream, "end", { reason: isGone ? "gone" : reason, status } satisfies StreamEnd);
  } finally {
    await logs.close();
    await artifacts.close();
  }
}
