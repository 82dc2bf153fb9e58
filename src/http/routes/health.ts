import type { Hono } from "hono";
import type { HealthAnswer } from "../health.ts";
import { json } from "../json.ts";
import type { Env, ServerParts } from "../parts.ts";

/** `GET /healthz`: 503 only where neither store can answer, so that nobody restarts a server for a Redis that is down. */
export function addHealth(app: Hono<Env>, parts: ServerParts): void {
  app.get("/healthz", async () => {
    const health = await parts.health();
    const answer = json({
      ...health,
      timezone: parts.times.zone.name,
      readOnly: parts.remove === null,
      token: parts.token !== null,
    } satisfies HealthAnswer);
    return health.status === "down" ? new Response(answer.body, { status: 503, headers: answer.headers }) : answer;
  });
}
