import type { HttpBindings } from "@hono/node-server";
import type { CleanupRecord } from "../app/cleanup-record.ts";
import type { RunParts } from "../app/parts.ts";
import type { Syncing } from "../app/syncing.ts";
import { type Artifacts, openArtifacts } from "../artifacts/artifacts.ts";
import type { Clock } from "../clock.ts";
import type { Settings } from "../config/settings.ts";
import type { Reporter } from "../operations/reporter.ts";
import type { TaskStore } from "../store/task-store.ts";
import type { RecordRules } from "../task/rules.ts";
import type { Metrics, Observed } from "./metrics.ts";

/** What clients can make the server do: docs/http.md explains each. */
export const LIMITS = {
  connections: 512,
  pipelined: 64,
  headersBytes: 16 << 10,
  headers: 100,
  headersS: 10,
  requestS: 30,
  /** Players that are cut off request the rest again. */
  silentS: 120,
  bodyBytes: 8 << 20,
  chunks: 1000,
  meanChunk: 64,
  loginBytes: 4 << 10,
  bodiesBytes: 128 << 20,
  waiting: 256,
  /** Less than the time that a body has to come in. */
  waitS: 20,
  unsent: 8 << 20,
  audios: 1000,
  streams: 32,
  sessions: 1000,
  wrongTokens: 10,
} as const;

export type Env = { readonly Bindings: HttpBindings };

export interface ServerParts {
  /** Aborted when the server stops. */
  readonly run: RunParts;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly rules: RecordRules;
  readonly store: TaskStore;
  readonly syncing: Syncing;
  readonly cleanup: CleanupRecord;
  readonly readOnly: boolean;
  /** The built page; missing if it was not built. */
  readonly pageFolder: string;
  readonly metrics: Metrics;
  /** A command for the shell of the server's machine. @param words what follows `ttsctl` */
  command(words: string): string;
  /** Logs a change, and its tasks unless it is a plan. */
  reporterOf(dryRun: boolean, onWarning: (line: string) => void): Reporter;
  ended(request: Observed): void;
  failed(error: unknown): void;
}

export function artifactsOf({ settings: { paths }, rules }: ServerParts): Artifacts {
  return openArtifacts({ output: paths.output.value, logs: paths.logs.value, names: rules });
}
