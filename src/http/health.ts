import type { Hono } from "hono";
import { jsonText } from "./answer.ts";
import type { Env, ServerParts } from "./parts.ts";
import { paramsOf } from "./request.ts";

/** How the stores are. Anybody may read it, so it names no path and no host. */
export interface Health {
  /** `degraded`: one of the stores cannot answer; `down`: neither can. */
  readonly status: "ok" | "degraded" | "down";
  /** A store file that does not exist is an empty store. */
  readonly store: "ok" | "missing" | "unreadable";
  readonly redis: "ok" | "down" | "off";
  /** Whether the store file is being pushed to Redis right now. */
  readonly syncing: boolean;
  readonly version: string;
}

export function healthOf(stores: Pick<Health, "store" | "redis">, syncing: boolean, version: string): Health {
  const { store, redis } = stores;
  const answering = [store !== "unreadable", redis === "ok"];
  const isWhole = store !== "unreadable" && redis !== "down";
  const status = isWhole ? "ok" : answering.includes(true) ? "degraded" : "down";
  return { status, store, redis, syncing, version };
}

/** `GET /healthz`: the stores, and what the page must know of a server before it asks for anything. */
export interface HealthAnswer extends Health {
  /** The zone of times without an offset, an IANA name. */
  readonly timezone: string;
  /** Whether nothing may be deleted. */
  readonly readOnly: boolean;
  /** Whether a token is asked for. */
  readonly token: boolean;
}

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
