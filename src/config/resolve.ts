import { formatDuration } from "../task/duration.ts";
import { chosen, chosenPath } from "./choose.ts";
import { CONFIG_FILE } from "./defaults.ts";
import { ALLOWED_HOSTS, BASE_PATH, DIALECT, TOKEN } from "./http-kinds.ts";
import { BYTES, COUNT, HOST, LISTEN_PORT, RETENTION, STUCK_AFTER, TIMEZONE } from "./kinds.ts";
import type { SettingInputs } from "./levels.ts";
import { misspeltWarnings } from "./misspelt.ts";
import { resolveRedis } from "./resolve-redis.ts";
import type { CleanupSettings, HttpSettings, Setting, Settings } from "./settings.ts";

/** Seconds; a retention below it is more likely a forgotten unit. */
const SHORT_RETENTION = 60;

/**
 * The settings in force: flag over environment over file over default, each by itself (SPEC section 7). Does no IO. A wrong value that is in force
 * is a CONFIG_INVALID naming its source, the value (no password) and what is accepted; one that is overridden is not looked at.
 */
export function resolveSettings(inputs: SettingInputs): Settings {
  const cleanup = resolveCleanup(inputs);
  const warnings = shortRetentions(cleanup);
  return {
    configPath: inputs.configPath,
    redis: resolveRedis(inputs, warnings),
    store: { path: chosenPath("store.path", inputs) },
    paths: { output: chosenPath("paths.output", inputs), logs: chosenPath("paths.logs", inputs) },
    cleanup,
    service: { timezone: chosen("service.timezone", TIMEZONE, inputs) },
    audit: { path: chosenPath("audit.path", inputs) },
    http: resolveHttp(inputs),
    warnings,
    changeWarnings: inputs.file === null ? [] : misspeltWarnings(inputs.file, inputs.configPath ?? CONFIG_FILE),
  };
}

function resolveCleanup(inputs: SettingInputs): CleanupSettings {
  return {
    retention: chosen("cleanup.retention", RETENTION, inputs),
    retentionDone: chosen("cleanup.retention.done", RETENTION, inputs),
    retentionError: chosen("cleanup.retention.error", RETENTION, inputs),
    keepLast: chosen("cleanup.keep_last", COUNT, inputs),
    maxBytes: chosen("cleanup.max_bytes", BYTES, inputs),
    stuckAfter: chosen("cleanup.stuck_after", STUCK_AFTER, inputs),
  };
}

function resolveHttp(inputs: SettingInputs): HttpSettings {
  return {
    host: chosen("http.host", HOST, inputs),
    port: chosen("http.port", LISTEN_PORT, inputs),
    token: chosen("http.token", TOKEN, inputs),
    basePath: chosen("http.base_path", BASE_PATH, inputs),
    allowedHosts: chosen("http.allowed_hosts", ALLOWED_HOSTS, inputs),
    dialect: chosen("http.dialect", DIALECT, inputs),
  };
}

/** One line for each place that gives a short one: a flag gives them all. */
function shortRetentions({ retention, retentionDone, retentionError }: CleanupSettings): string[] {
  return [...new Set([retention, retentionDone, retentionError].flatMap(shortRetention))];
}

function shortRetention({ value, origin }: Setting<number | null>): string[] {
  if (value === null || value <= 0 || value >= SHORT_RETENTION) return [];
  return [
    `${origin}: a retention of ${formatDuration(value)} is under a minute (a bare number is seconds: 7 is seven seconds, 7d seven days)`,
  ];
}
