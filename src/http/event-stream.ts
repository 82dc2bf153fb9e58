import { EventEmitter, once } from "node:events";
import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { type Clock, later, restAfter } from "../clock.ts";
import { HttpError, problemOf } from "./answer.ts";
import type { AddEndpoint } from "./endpoints.ts";
import { type Env, LIMITS, type ServerParts } from "./parts.ts";

/** A comment: proxies and `serve` itself close a connection on which nothing is sent for a minute or two. */
export async function beat(stream: SSEStreamingApi): Promise<void> {
  await stream.write(": still here\n\n");
}

export type AnswerEvents = ReturnType<typeof eventStreams>;

/** The streams of server-sent events that are open, of all endpoints. */
export function eventStreams({ clock, run, failed }: ServerParts) {
  let open = 0;
  const stopped = run.signal;

  /** Answers with the events that `run` sends, until the client leaves or the server stops; an error is the last one. @throws BUSY */
  return (c: Context<Env>, run: (stream: SSEStreamingApi, signal: AbortSignal) => Promise<void>): Response => {
    if (c.env.incoming.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
    if (open >= LIMITS.streams) {
      const hint = "close one of them, or poll the endpoints that aren't streams";
      throw new HttpError("BUSY", `${LIMITS.streams} streams are open`, hint, { "retry-after": "5" });
    }
    open++;
    const left = new AbortController();
    const signal = AbortSignal.any([stopped, left.signal]);
    if (c.env.incoming.socket.destroyed) left.abort();
    c.env.outgoing.once("close", () => left.abort());
    c.header("X-Accel-Buffering", "no"); // nginx would hold events back
    const response = streamSSE(c, async (stream) => {
      const beatLater = () => later(clock, 15_000, signal, () => void beat(stream).then(beatLater));
      void beatLater();
      try {
        await run(stream, signal);
      } catch (error) {
        const problem = problemOf(error);
        if (problem.code === "INTERNAL") failed(error);
        await stream.writeSSE({ event: "problem", data: JSON.stringify(problem) });
      } finally {
        left.abort();
        open--;
      }
    });
    response.headers.set("connection", "close"); // one that is kept alive would hold up the end of the server
    return response;
  };
}

/** A service writes Redis a moment after the file, so it rings again. */
const LATELY_S = 2;
/** What no mark shows, such as a task that gets older than a filter allows, is seen after so long. */
const RING_EVERY_S = 60;

export type Doorbell = ReturnType<typeof newDoorbell>;

/** Rings if `readMark` returns another text, as long as anybody listens: pages then ask what they show (docs/http.md). */
export function newDoorbell(clock: Clock, readMark: () => Promise<string>) {
  let listeners = 0;
  const bell = new EventEmitter().setMaxListeners(0);
  /** The number of the last ring, and the answers since. */
  let last = 1;
  const answers = new Map<string, Promise<unknown>>();
  /** Null if it isn't known. */
  let mark: string | null = null;
  let isLooking = false;

  async function look(): Promise<void> {
    isLooking = true;
    let again = clock.monotonic() + RING_EVERY_S;
    while (listeners > 0) {
      const began = clock.monotonic();
      const now = await readMark().catch(() => null);
      const isNew = now === null || now !== mark;
      mark = now;
      if (isNew || began >= again) {
        last++;
        answers.clear();
        bell.emit("ring");
        again = began + (isNew ? LATELY_S : RING_EVERY_S);
      }
      await clock.sleep(restAfter(began, 1, clock) * 1000);
    }
    isLooking = false;
    answers.clear();
  }

  return {
    /** Calls `onRing` with the number of each ring until the signal; first with 0, because something may have changed until now. */
    async listen(onRing: (ring: number) => Promise<void>, signal: AbortSignal): Promise<void> {
      listeners++;
      if (!isLooking) void look();
      try {
        for (let sent = 0; !signal.aborted; ) {
          const ring = last;
          if (ring !== sent) await onRing(sent === 0 ? 0 : ring);
          sent = ring;
          if (ring === last) await once(bell, "ring", { signal }).catch(() => {}); // the signal
        }
      } finally {
        listeners--;
      }
    },

    /** One answer for all that ask the same after the last ring, whose number they give; others have their own. */
    share<T extends { readonly text: string }>(ring: number, asked: unknown, make: () => Promise<T>): Promise<T> {
      if (ring !== last || listeners === 0) return make();
      const question = JSON.stringify(asked);
      if (question.length > 64 << 10) return make();
      const known = answers.get(question) as Promise<T> | undefined;
      if (known !== undefined) return known.catch(make); // the client it was made for may have left
      const made = make();
      if (answers.size === LIMITS.streams) return made;
      answers.set(question, made);
      made.then(({ text }) => text.length > 4 << 20 && answers.delete(question)).catch(() => {});
      return made;
    },
  };
}

export function addStream(add: AddEndpoint, doorbell: Doorbell, answerEvents: AnswerEvents): void {
  add("GET /stream", (c) => {
    return answerEvents(c, async (stream, signal) => {
      await beat(stream); // so the client knows that nothing between holds events back
      await doorbell.listen((ring) => stream.writeSSE({ event: "changed", data: JSON.stringify({ ring }) }), signal);
    });
  });
}
