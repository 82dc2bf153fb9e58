import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { later } from "../clock.ts";
import { HttpError, problemOf } from "./answer.ts";
import { LIMITS } from "./limits.ts";
import type { Env, ServerParts } from "./parts.ts";

/** Proxies and `serve` itself close a connection on which nothing is sent for a minute or two. */
const HEARTBEAT_S = 15;

/** A comment, so that clients and what is between see that the stream is alive. */
export async function beat(stream: SSEStreamingApi): Promise<void> {
  await stream.write(": still here\n\n");
}

export type AnswerEvents = ReturnType<typeof eventStreams>;

/** The streams of server-sent events that are open, of all endpoints. */
export function eventStreams({ clock, run, failed }: ServerParts) {
  const open = new Set<AbortController>();
  const { signal } = run;
  const endAll = () => {
    for (const question of open) question.abort();
  };

  /**
   * Answers with the events that `run` sends. Its signal is aborted when the client leaves or the server stops. If it
   * throws, `problem` is the last event.
   * @throws HttpError BUSY
   */
  return (c: Context<Env>, run: (stream: SSEStreamingApi, signal: AbortSignal) => Promise<void>): Response => {
    if (c.env.incoming.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
    if (open.size >= LIMITS.streams) {
      const hint = "close one of them, or poll the endpoints that aren't streams";
      throw new HttpError("BUSY", `${LIMITS.streams} streams are open`, hint, { "retry-after": "5" });
    }
    const question = new AbortController();
    open.add(question);
    signal.addEventListener("abort", endAll); // one listener, however often it is added
    if (signal.aborted || c.env.incoming.socket.destroyed) question.abort();
    c.env.outgoing.once("close", () => question.abort());
    c.header("X-Accel-Buffering", "no"); // nginx would hold events back
    const response = streamSSE(c, async (stream) => {
      const over = new AbortController();
      const beatLater = () => later(clock, HEARTBEAT_S * 1000, over.signal, () => void beat(stream).then(beatLater));
      void beatLater();
      try {
        await run(stream, question.signal);
      } catch (error) {
        const problem = problemOf(error);
        if (problem.code === "INTERNAL") failed(error);
        await stream.writeSSE({ event: "problem", data: JSON.stringify(problem) });
      } finally {
        over.abort();
        open.delete(question);
      }
    });
    response.headers.set("connection", "close"); // one that is kept alive would hold up the end of the server
    return response;
  };
}
