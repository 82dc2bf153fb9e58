import type { Hono } from "hono";
import { jsonText } from "../answer.ts";
import type { HealthAnswer } from "../health.ts";
import type { Env, ServerParts } from "../parts.ts";
import { paramsOf } from "../request.ts";

/** `GET /healthz`: 503 only where neither store can answer, so that nobody restarts a server for a Redis that is down. */
export function addHealth(app: Hono<Env>, { health, rules, remove, token }: ServerParts): void {
  app.get("/healthz", async () => {
    const seen = await health();
    const about = { timezone: rules.zone.name, readOnly: remove === null, token: token !== null };
    const answer = { ...seen, ...about } satisfies HealthAnswer;
    return jsonText(`${JSON.stringify(answer)}\n`, {}, [], seen.status === "down" ? 503 : 200);
  });
}

/** `GET /metrics`, for Prometheus. */
export function addMetrics(app: Hono<Env>, { health, metrics }: ServerParts): void {
  app.get("/metrics", async (c) => {
    paramsOf(c.req.url, []);
    return new Response(await metrics.text(await health()), { headers: { "content-type": metrics.contentType } });
  });
}
