import type { IncomingMessage, ServerResponse } from "node:http";
import type { Artifacts } from "../artifacts/artifacts.ts";
import type { Clock } from "../clock.ts";
import type { MaxDelete } from "../operations/brake.ts";
import type { DeleteResult } from "../operations/delete.ts";
import type { TaskState } from "../operations/follow.ts";
import type { MarkResult } from "../operations/mark/mark.ts";
import type { StatsResult } from "../operations/stats/types.ts";
import type { TaskId } from "../store/task-source.ts";
import type { TaskStore } from "../store/task-store.ts";
import type { RawQuery } from "../task/query-fields.ts";
import type { LayoutName, RecordRules } from "../task/rules.ts";
import type { Hosts } from "./guard.ts";
import type { Metrics, Observed } from "./metrics.ts";

export interface Env {
  readonly Bindings: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse };
}

/** The state of the stores. Everybody may read it, so it names no path and no host. */
export interface Health {
  /** `degraded`: one of the stores can't answer; `down`: neither can. */
  readonly status: "ok" | "degraded" | "down";
  /** `missing` counts as an empty store. */
  readonly store: "ok" | "missing" | "unreadable";
  readonly redis: "ok" | "down" | "off";
  readonly syncing: boolean;
  readonly version: string;
}

/** `GET /healthz`: the stores, and what the page needs to know of the server. */
export interface HealthAnswer extends Health {
  /** The zone of times without an offset, an IANA name. */
  readonly timezone: string;
  readonly readOnly: boolean;
  readonly token: boolean;
}

/** A request to change tasks, not checked yet. */
export interface ChangeRequest {
  readonly query: RawQuery;
  /** Chooses every task, without a query. */
  readonly all: boolean;
  readonly dryRun: boolean;
  readonly max: MaxDelete;
  /** The request and its client, for the ledger. */
  readonly request: string;
}

export interface Deletion extends ChangeRequest {
  /** Also unfinished tasks. */
  readonly force: boolean;
}

export interface Marking extends ChangeRequest {
  /** The new status. */
  readonly to: string | undefined;
  readonly error: string | undefined;
}

export interface Changed<R> {
  readonly result: R;
  readonly warnings: readonly string[];
}

export interface StatsRequest {
  readonly userId: string | undefined;
  readonly disk: boolean;
  readonly estimate: boolean;
}

export interface ServerParts {
  readonly store: TaskStore;
  readonly rules: RecordRules;
  readonly clock: Clock;
  /** `[cleanup] stuck_after`. */
  readonly stuckAfter: number;
  readonly hosts: Hosts;
  /** Null if none is needed. */
  readonly token: string | null;
  /** The prefix of paths behind a proxy, such as `/tts`, or empty. */
  readonly basePath: string;
  readonly dialect: LayoutName;
  /** The built page; missing if it was not built. */
  readonly pageFolder: string;
  /** Opens `output/` and `Logs/`; the caller closes them. */
  openArtifacts(): Promise<Artifacts>;
  /** Polls whether a task is finished. */
  taskState(id: TaskId): Promise<Pick<TaskState, "look" | "status">>;
  /** Aborted when the server stops. */
  readonly signal: AbortSignal;
  health(): Promise<Health>;
  stats(request: StatsRequest): Promise<StatsResult>;
  readonly metrics: Metrics;
  readonly version: string;
  ended(request: Observed): void;
  /** Change tasks as the commands do; null with --read-only. */
  readonly changes: {
    remove(deletion: Deletion): Promise<Changed<DeleteResult>>;
    mark(marking: Marking): Promise<Changed<MarkResult>>;
  } | null;
  failed(error: unknown): void;
}
