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
