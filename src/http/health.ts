import type { Hono } from "hono";
import { jsonText } from "./answer.ts";
import type { Env, ServerParts } from "./parts.ts";
import { paramsOf } from "./request.ts";

/** The state of the stores. Everybody may read it, so it names no path and no host. */
export interface Health {
  /** `degraded`: one of the stores can't answer; `down`: neither can. */
  readonly status: "ok" | "degraded" | "down";
  /** `missing` counts as an empty store. */
  readonly store: "ok" | "missing" | "unreadable";
  readonly redis: "ok" | "down" | "off";
  /** Whether a sync is running. */
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

/** `GET /healthz`: the stores, and what the page needs to know of the server. */
export interface HealthAnswer extends Health {
  /** The zone of times without an offset, an IANA name. */
  readonly timezone: string;
  /** Whether nothing may be deleted. */
  readonly readOnly: boolean;
  /** Whether a token is asked for. */
  readonly token: boolean;
}

/** 503 only if neither store can answer, so nobody restarts a server because Redis is down. */
export function addHealth(app: Hono<Env>, { health, rules, remove, token }: ServerParts): void {
  app.get("/healthz", async () => {
    const seen = await health();
    const about = { timezone: rules.zone.name, readOnly: remove === null, token: token !== null };
    const answer = { ...seen, ...about } satisfies HealthAnswer;
    return jsonText(`${JSON.stringify(answer)}\n`, {}, [], seen.status === "down" ? 503 : 200);
  });
}

export function addMetrics(app: Hono<Env>, { health, metrics }: ServerParts): void {
  app.get("/metrics", async (c) => {
    paramsOf(c.req.url, []);
    return new Response(await metrics.text(await health()), { headers: { "content-type": metrics.contentType } });
  });
}
