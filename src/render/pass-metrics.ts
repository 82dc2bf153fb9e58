import { Counter, Gauge, Registry } from "prom-client";
import { TtsctlError } from "../errors.ts";
import type { CleanupResult } from "../operations/cleanup.ts";
import { STUCK } from "../task/stuck.ts";

/** How a cleanup pass went, for `cleanup --metrics-file`. Times are epoch seconds. */
export interface PassMetrics {
  readonly store: string;
  readonly version: string;
  readonly endedAt: number;
  /** Seconds */
  readonly duration: number;
  readonly exitCode: number;
  /** The code of the error that ended it. */
  readonly error: string | null;
  /** Null if the pass ended before it. */
  readonly result: CleanupResult | null;
  /** Tasks in the file and members of the index when the pass began; null if unknown. */
  readonly fileTasks: number | null;
  readonly redisTasks: number | null;
  /** Null if Redis is off, or the pass ended before it was asked. */
  readonly redisUp: boolean | null;
}

const LAST_SUCCESS = "last_success_timestamp_seconds";

/** The counters, each with what a pass adds to it. */
const COUNTERS: readonly (readonly [name: string, help: string, added: (pass: PassMetrics) => number])[] = [
  ["runs_total", "Passes since the metrics file was created.", () => 1],
  ["failed_runs_total", "Those of them with a nonzero exit code.", ({ exitCode }) => (exitCode === 0 ? 0 : 1)],
  ["purged_tasks_total", "Tasks purged since the metrics file was created.", ({ result }) => result?.purged ?? 0],
  ["freed_files_total", "Files removed since the metrics file was created.", ({ result }) => result?.files ?? 0],
  ["freed_bytes_total", "Bytes of these files.", ({ result }) => result?.bytes ?? 0],
];

/** The value of a metric in an earlier text; 0 if it has none. */
function valueIn(text: string, name: string): number {
  const number = Number(new RegExp(`^ttsctl_cleanup_${name}\\{.*\\} (\\S+)$`, "m").exec(text)?.[1]);
  return Number.isFinite(number) && number >= 0 ? number : 0;
}

/**
 * In Prometheus' format, without unknown values. @param before the text of the last pass, to whose counters this one is added
 * @throws TtsctlError EXPORT_FAILED if that text isn't ours, so the file mustn't be replaced
 */
export async function passMetricsText(pass: PassMetrics, before: string): Promise<string> {
  if (before.trim() !== "" && !before.startsWith("# HELP ttsctl_cleanup_")) {
    throw new TtsctlError("EXPORT_FAILED", "it isn't a metrics file of ttsctl, so it is left alone");
  }
  const registry = new Registry();
  registry.setDefaultLabels({ store: pass.store });
  const registers = [registry];
  for (const [name, help, value, labels = {}] of gauges(pass, before)) {
    const labelNames = Object.keys(labels);
    if (value !== null) new Gauge({ name: `ttsctl_cleanup_${name}`, help, labelNames, registers }).set(labels, value);
  }
  for (const [name, help, added] of COUNTERS) {
    new Counter({ name: `ttsctl_cleanup_${name}`, help, registers }).inc(valueIn(before, name) + added(pass));
  }
  return registry.metrics();
}

type GaugeRow = readonly [name: string, help: string, value: number | null, labels?: Readonly<Record<string, string>>];

function gauges(pass: PassMetrics, before: string): GaugeRow[] {
  const { result, redisUp, exitCode: code, error } = pass;
  const failed = error === null ? null : 1;
  const lastSuccess = code === 0 ? pass.endedAt : valueIn(before, LAST_SUCCESS);
  return [
    ["last_run_timestamp_seconds", "When the last pass ended, including failed ones.", pass.endedAt],
    [LAST_SUCCESS, "When the last pass that ended with exit code 0 ended.", lastSuccess || null],
    ["duration_seconds", "How long the last pass took.", pass.duration],
    ["exit_code", "Of the last pass; of a watcher, what --once would have exited with.", code],
    ["candidate_tasks", "Tasks that the last pass considered, and dangling members.", result?.candidates ?? null],
    ["purged_tasks", "Tasks that the last pass purged.", result?.purged ?? null],
    ["skipped_tasks", "Candidates that the last pass kept.", result?.skipped ?? null],
    ["failed_tasks", "Candidates of the last pass that failed or have an unknown outcome.", result?.failed ?? null],
    ["returned_tasks", "Purged tasks that the service wrote back during the last pass.", result?.returned ?? null],
    ["stuck_tasks", `Tasks ${STUCK}.`, result?.stuck ?? null],
    ["freed_files", "Audio files and logs that the last pass removed.", result?.files ?? null],
    ["freed_bytes", "Bytes of the files that the last pass removed.", result?.bytes ?? null],
    ["store_tasks", "Tasks in the store file when the last pass began.", pass.fileTasks],
    ["redis_tasks", "Members of the index in Redis when the last pass began.", pass.redisTasks],
    ["redis_up", "Whether the last pass had Redis throughout: 1 or 0.", redisUp === null ? null : Number(redisUp)],
    ["build_info", "Always 1; the version that ran the last pass.", 1, { version: pass.version }],
    ["error_info", "Always 1; the code of the error that ended the last pass.", failed, { code: `${error}` }],
  ];
}
