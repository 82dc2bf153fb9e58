import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { HttpError, problemOf } from "./answer.ts";
import type { Env, ServerParts } from "./parts.ts";

/** Each looks for news as long as it is open. */
const MOST_STREAMS = 32;
/** Proxies and `serve` itself close a connection on which nothing is sent for a minute or two. */
export const HEARTBEAT_S = 15;

/** Where a stream writes its events. A write waits until the client has taken the earlier ones. */
export class EventWriter {
  readonly #stream: SSEStreamingApi;

  constructor(stream: SSEStreamingApi) {
    this.#stream = stream;
  }

  async beat(): Promise<void> {
    await this.#stream.write(": still here\n\n");
  }

  send(event: string, data: object | string): Promise<void> {
    return this.sendJson(event, JSON.stringify(data));
  }

  /** @param data JSON in one line */
  async sendJson(event: string, data: string): Promise<void> {
    await this.#stream.write(`event: ${event}\ndata: ${data}\n\n`);
  }
}

/** The streams of server-sent events that are open, of all endpoints. */
export class EventStreams {
  readonly #parts: Pick<ServerParts, "signal" | "failed">;
  readonly #open = new Set<AbortController>();
  readonly #endAll = () => {
    for (const stream of this.#open) stream.abort();
  };

  constructor(parts: Pick<ServerParts, "signal" | "failed">) {
    this.#parts = parts;
  }

  /**
   * Answers with the events that `run` sends. Its signal is aborted when the client leaves or the server stops. If it
   * throws, `problem` is the last event.
   * @throws HttpError BUSY
   */
  answer(c: Context<Env>, run: (writer: EventWriter, signal: AbortSignal) => Promise<void>): Response {
    if (c.env.incoming.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
    const stream = this.#begin();
    c.env.outgoing.once("close", () => stream.abort());
    c.header("X-Accel-Buffering", "no"); // nginx would hold events back
    const response = streamSSE(c, async (output) => {
      const writer = new EventWriter(output);
      const heartbeat = setInterval(() => void writer.beat(), HEARTBEAT_S * 1000);
      try {
        await run(writer, stream.signal);
      } catch (error) {
        const problem = problemOf(error);
        if (problem.code === "INTERNAL") this.#parts.failed(error);
        await writer.send("problem", problem);
      } finally {
        clearInterval(heartbeat);
        this.#open.delete(stream);
      }
    });
    response.headers.set("connection", "close"); // one that is kept alive would hold up the end of the server
    return response;
  }

  #begin(): AbortController {
    if (this.#open.size >= MOST_STREAMS) {
      const hint = "close one of them, or poll the endpoints that aren't streams";
      throw new HttpError("BUSY", `${MOST_STREAMS} streams are open`, hint, { "retry-after": "5" });
    }
    const stream = new AbortController();
    this.#open.add(stream);
    const { signal } = this.#parts;
    signal.addEventListener("abort", this.#endAll); // one listener, however often it is added
    if (signal.aborted) stream.abort();
    return stream;
  }
}
