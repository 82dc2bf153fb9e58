import type { IncomingMessage, ServerResponse } from "node:http";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { CleanupState } from "../app/cleanup-record.ts";
import type { Clock } from "../clock.ts";
import type { StatsResult } from "../operations/stats/stats.ts";
import { STUCK } from "../task/stuck.ts";
import { VERSION } from "../version.ts";
import type { Health } from "./schema.ts";

/** Of each response that has one. */
export const routes = new WeakMap<ServerResponse, string>();

export type Observed = ReturnType<ReturnType<typeof observer>>;

/** @returns what to call when the request has ended, also if it was broken off */
export function observer(incoming: IncomingMessage, outgoing: ServerResponse, clock: Clock) {
  const began = clock.monotonic();
  const { method = "", url = "", socket } = incoming;
  const [before, remote] = [socket.bytesWritten, socket.remoteAddress ?? ""];
  return () => ({
    method,
    /** As it was asked, parameters included. */
    url,
    remote,
    status: outgoing.headersSent ? outgoing.statusCode : 499, // as nginx: the client left, or was cut off
    finished: outgoing.writableFinished,
    /** The pattern of the route, such as `/voice-tasks/:task_id`; `other` for what has none. */
    route: routes.get(outgoing) ?? "other",
    bytes: socket.bytesWritten - before,
    seconds: clock.monotonic() - began,
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
  // Every 10 ms by default, which is most of what an idle server does.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  // They aren't counters, and Prometheus keeps this ending for counters.
  for (const what of ["handles", "requests", "resources"]) registry.removeSingleMetric(`nodejs_active_${what}_total`);
  const ended = { name: "ttsctl_http_requests_total", help: "Requests that have ended.", registers };
  const requests = new Counter({ ...ended, labelNames: ["method", "route", "status"] });
  const took = { name: "ttsctl_http_request_duration_seconds", help: "Duration of requests.", registers };
  const duration = new Histogram({ ...took, labelNames: ["route"], buckets: BUCKETS_S });
  const tasks = new Gauge({ name: "ttsctl_tasks", help: "Tasks by status.", registers, labelNames: ["status"] });
  const info = { name: "ttsctl_build_info", help: "Always 1; the label has the version that runs.", registers };
  new Gauge({ ...info, labelNames: ["version"] }).set({ version: VERSION }, 1);
  return {
    contentType: registry.contentType,

    count({ method, route, status, seconds }: Observed): void {
      requests.inc({ method: METHODS.includes(method) ? method : "other", route, status });
      duration.observe({ route }, seconds);
    },

    /** @param counts null if neither store can answer: the gauges of tasks are missing then */
    text(health: Health, counts: StatsResult | null, { last }: CleanupState): Promise<string> {
      tasks.reset();
      for (const [status, count] of Object.entries(counts?.byStatus ?? {})) tasks.set({ status }, count);
      const now = new Registry();
      for (const [name, help, value] of gauges(health, counts, last)) {
        if (value !== undefined) new Gauge({ name: `ttsctl_${name}`, help, registers: [now] }).set(value);
      }
      return Registry.merge([registry, now]).metrics();
    },
  };
}

type GaugeRow = readonly [name: string, help: string, value: number | undefined];

/** Without a value where it is unknown. */
function gauges({ redis, store, syncing }: Health, counts: StatsResult | null, last: CleanupState["last"]): GaugeRow[] {
  const oldest = counts === null ? undefined : Math.max(0, counts.oldestWaiting?.ageSeconds ?? 0);
  const ended = last === null ? undefined : Date.parse(last.at) / 1000;
  return [
    ["redis_up", "Whether Redis answers: 1 or 0; 0 also if it is switched off.", Number(redis === "ok")],
    ["store_readable", "Whether the store file can be read: 1 or 0.", Number(store !== "unreadable")],
    ["syncing", "Whether the store file is being pushed to Redis: 1 or 0.", Number(syncing)],
    ["stuck_tasks", `Tasks ${STUCK}.`, counts?.stuck.count],
    ["oldest_wait_seconds", "Age of the task that has waited the longest; 0 if there is none.", oldest],
    ["cleanup_last_run_timestamp_seconds", "When the last cleanup pass ended, also a failed one.", ended],
    ["cleanup_exit_code", "Exit code of the last cleanup pass.", last?.exitCode],
  ];
}
