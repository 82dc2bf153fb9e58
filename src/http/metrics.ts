import type { IncomingMessage, ServerResponse } from "node:http";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { CleanupState } from "../app/cleanup-record.ts";
import type { Clock } from "../clock.ts";
import type { StatsResult } from "../operations/stats/stats.ts";
import { VERSION } from "../version.ts";
import type { Health } from "./schema.ts";

export interface Observed {
  readonly method: string;
  /** As it was asked, parameters included. */
  readonly url: string;
  /** The pattern of the route, such as `/voice-tasks/:task_id`; `other` for what has none. */
  readonly route: string;
  readonly status: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly remote: string;
  readonly finished: boolean;
}

const routes = new WeakMap<ServerResponse, string>();

export function noteRoute(outgoing: ServerResponse, route: string): void {
  routes.set(outgoing, route);
}

type Report = (request: Observed) => void;

/** Reports a request when it has ended, also if it was broken off. */
export function observe(incoming: IncomingMessage, outgoing: ServerResponse, clock: Clock, report: Report): void {
  const began = clock.monotonic();
  const { method = "", url = "", socket } = incoming;
  const [before, remote] = [socket.bytesWritten, socket.remoteAddress ?? ""];
  outgoing.once("close", () => {
    report({
      method,
      url,
      remote,
      status: outgoing.headersSent ? outgoing.statusCode : 499, // as nginx: the client left, or was cut off
      finished: outgoing.writableFinished,
      route: routes.get(outgoing) ?? "other",
      bytes: socket.bytesWritten - before,
      seconds: clock.monotonic() - began,
    });
  });
}

const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** A request may have any word as its method. */
const METHODS = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"];

export type Metrics = ReturnType<typeof newMetrics>;

/** For Prometheus: the requests so far, and the state of the stores. */
export function newMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // They aren't counters, and Prometheus keeps this ending for counters.
  for (const what of ["handles", "requests", "resources"]) registry.removeSingleMetric(`nodejs_active_${what}_total`);
  const ended = { name: "ttsctl_http_requests_total", help: "Requests that have ended.", registers };
  const requests = new Counter({ ...ended, labelNames: ["method", "route", "status"] });
  const took = { name: "ttsctl_http_request_duration_seconds", help: "Duration of requests.", registers };
  const duration = new Histogram({ ...took, labelNames: ["route"], buckets: BUCKETS_S });
  const gauge = (name: string, help: string) => new Gauge({ name: `ttsctl_${name}`, help, registers });
  const redisUp = gauge("redis_up", "Whether Redis answers: 1 or 0; 0 also if it is switched off.");
  const storeReadable = gauge("store_readable", "Whether the store file can be read: 1 or 0.");
  const isSyncing = gauge("syncing", "Whether the store file is being pushed to Redis: 1 or 0.");
  const tasks = new Gauge({ name: "ttsctl_tasks", help: "Tasks by status.", registers, labelNames: ["status"] });
  const stuck = gauge("stuck_tasks", "Tasks in wait or run, unchanged for longer than [cleanup] stuck_after.");
  const oldestWait = gauge("oldest_wait_seconds", "Age of the task that has waited the longest; 0 if there is none.");
  const lastPass = gauge("cleanup_last_run_timestamp_seconds", "When the last cleanup pass ended, also a failed one.");
  const lastExitCode = gauge("cleanup_exit_code", "Exit code of the last cleanup pass.");
  const setKnown = (gauge: Gauge, value: number | undefined) =>
    value === undefined ? gauge.remove() : gauge.set(value);
  const info = { name: "ttsctl_build_info", help: "Always 1; the label has the version that runs.", registers };
  new Gauge({ ...info, labelNames: ["version"] }).set({ version: VERSION }, 1);
  return {
    contentType: registry.contentType,

    count({ method, route, status, seconds }: Observed): void {
      requests.inc({ method: METHODS.includes(method) ? method : "other", route, status });
      duration.observe({ route }, seconds);
    },

    /** @param counts null if neither store can answer: the gauges of tasks have no values then */
    text({ redis, store, syncing }: Health, counts: StatsResult | null, { last }: CleanupState): Promise<string> {
      redisUp.set(redis === "ok" ? 1 : 0);
      storeReadable.set(store === "unreadable" ? 0 : 1);
      isSyncing.set(syncing ? 1 : 0);
      tasks.reset();
      for (const [status, count] of Object.entries(counts?.byStatus ?? {})) tasks.set({ status }, count);
      setKnown(stuck, counts?.stuck.count);
      setKnown(oldestWait, counts === null ? undefined : Math.max(0, counts.oldestWaiting?.ageSeconds ?? 0));
      setKnown(lastPass, last === null ? undefined : Date.parse(last.at) / 1000);
      setKnown(lastExitCode, last?.exitCode);
      return registry.metrics();
    },
  };
}
