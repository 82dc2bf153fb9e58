import type { Hono } from "hono";
import type { Doorbell } from "../doorbell.ts";
import { type AnswerEvents, beat } from "../event-stream.ts";
import type { Env } from "../parts.ts";
import { paramsOf } from "../request.ts";

/** `GET /stream`: an event whenever the stores may have changed. */
export function addStream(app: Hono<Env>, doorbell: Doorbell, answerEvents: AnswerEvents): void {
  app.get("/stream", (c) => {
    paramsOf(c.req.url, []);
    return answerEvents(c, async (stream, signal) => {
      await beat(stream); // so the client knows that nothing between holds events back
      const rung = (ring: number) => stream.writeSSE({ event: "changed", data: JSON.stringify({ ring }) });
      await doorbell.listen(rung, signal);
    });
  });
}
