import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Observed } from "./observed.ts";

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

const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Any word may stand for a method. */
const METHODS = new Set(["GET", "HEAD", "POST", "DELETE", "OPTIONS"]);

/** What Prometheus is told: the requests so far, and how the stores are at the moment. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"method" | "route" | "status">;
  readonly #seconds: Histogram<"route">;
  readonly #gauges: Readonly<Record<"redisUp" | "storeReadable" | "syncing", Gauge>>;

  constructor(version: string) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Counter({
      ...{ name: "ttsctl_http_requests_total", help: "Requests that ended.", registers },
      labelNames: ["method", "route", "status"],
    });
    this.#seconds = new Histogram({
      ...{ name: "ttsctl_http_request_duration_seconds", help: "How long requests took.", registers },
      ...{ labelNames: ["route"], buckets: BUCKETS_S },
    });
    const gauge = (name: string, help: string) => new Gauge({ name: `ttsctl_${name}`, help, registers });
    this.#gauges = {
      redisUp: gauge("redis_up", "Whether Redis answers: 1 or 0; 0 also where it is switched off."),
      storeReadable: gauge("store_readable", "Whether the store file can be read: 1 or 0."),
      syncing: gauge("syncing", "Whether the store file is being pushed to Redis: 1 or 0."),
    };
    const info = { name: "ttsctl_build_info", help: "Always 1; the version that runs.", registers };
    new Gauge({ ...info, labelNames: ["version"] }).set({ version }, 1);
  }

  count({ method, route, status, seconds }: Observed): void {
    this.#requests.inc({ method: METHODS.has(method) ? method : "other", route, status });
    this.#seconds.observe({ route }, seconds);
  }

  /** The Prometheus text format. */
  text({ redis, store, syncing }: Health): Promise<string> {
    this.#gauges.redisUp.set(redis === "ok" ? 1 : 0);
    this.#gauges.storeReadable.set(store === "unreadable" ? 0 : 1);
    this.#gauges.syncing.set(syncing ? 1 : 0);
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}
