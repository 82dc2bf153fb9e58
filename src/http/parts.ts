import type { IncomingMessage, ServerResponse } from "node:http";
import type { Artifacts } from "../artifacts/artifacts.ts";
import type { Clock } from "../clock.ts";
import type { DeleteResult } from "../operations/delete.ts";
import type { StatsResult } from "../operations/stats/types.ts";
import type { TaskId } from "../store/task-source.ts";
import type { TaskStore } from "../store/task-store.ts";
import type { LayoutName, RecordRules } from "../task/rules.ts";
import type { Hosts, Token } from "./guard.ts";
import type { Health } from "./health.ts";
import type { Metrics, Observed } from "./metrics.ts";

export interface Env {
  readonly Bindings: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse };
}

export interface Deletion {
  readonly id: TaskId;
  /** Also if the task is unfinished. */
  readonly force: boolean;
  /** The request and its client, for the ledger. */
  readonly request: string;
}

export interface Removal {
  readonly result: DeleteResult;
  readonly warnings: readonly string[];
}

export interface StatsRequest {
  readonly userId: string | undefined;
  /** Whether to measure audio and logs. */
  readonly disk: boolean;
  /** Whether to estimate what a cleanup would free. */
  readonly estimate: boolean;
}

export interface ServerParts {
  readonly store: TaskStore;
  readonly rules: RecordRules;
  readonly clock: Clock;
  readonly hosts: Hosts;
  /** Null if none is needed. */
  readonly token: Token | null;
  /** The prefix of paths behind a proxy, such as `/tts`, or empty. */
  readonly basePath: string;
  /** The dialect of requests that name none. */
  readonly dialect: LayoutName;
  /** The built page; missing if it was not built. */
  readonly pageFolder: string;
  /** Opens `output/` and `Logs/`; the caller closes them. */
  openArtifacts(): Promise<Artifacts>;
  health(): Promise<Health>;
  stats(request: StatsRequest): Promise<StatsResult>;
  readonly metrics: Metrics;
  readonly version: string;
  /** Writes the access log. */
  ended(request: Observed): void;
  /** Deletes a task as `ttsctl delete` does; null with --read-only. */
  readonly remove: ((deletion: Deletion) => Promise<Removal>) | null;
  /** Logs an internal error. */
  failed(error: unknown): void;
}
