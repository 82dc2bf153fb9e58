import type { IncomingMessage, ServerResponse } from "node:http";
import type { Artifacts } from "../artifacts/artifacts.ts";
import type { Clock } from "../clock.ts";
import type { MaxDelete } from "../operations/brake.ts";
import type { DeleteResult } from "../operations/delete.ts";
import type { TaskState } from "../operations/follow.ts";
import type { MarkResult } from "../operations/mark/mark.ts";
import type { StatsResult } from "../operations/stats/types.ts";
import type { Kind } from "../operations/verify/classify.ts";
import type { TaskId } from "../store/task-source.ts";
import type { TaskStore } from "../store/task-store.ts";
import type { RawQuery } from "../task/query-fields.ts";
import type { DialectName, RecordRules } from "../task/rules.ts";
import type { Hosts } from "./guard.ts";
import type { Metrics, Observed } from "./metrics.ts";

export interface Env {
  readonly Bindings: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse };
}

/** `GET /healthz`: the stores, and what the page needs to know of the server. Everybody may read it: it names no path and no host. */
export interface Health {
  /** `degraded`: one of the stores can't answer; `down`: neither can. */
  readonly status: "ok" | "degraded" | "down";
  /** `missing` counts as an empty store. */
  readonly store: "ok" | "missing" | "unreadable";
  readonly redis: "ok" | "down" | "off";
  readonly syncing: boolean;
  readonly version: string;
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

/** A comparison of some tasks, as `verify` compares all. */
export interface DriftCheck {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** How many tasks were compared, of those that each store has. */
  readonly checked: number;
  readonly inFile: number;
  readonly inRedis: number;
  /** How many of them differ, by the keys of `verify -o json`. */
  readonly kinds: Readonly<Partial<Record<Kind, number>>>;
}

/** Who purges, and when. */
export interface CleanupState {
  /** `unknown`: neither this server nor a watcher does; perhaps a timer. `off`: the retention isn't positive. */
  readonly runs: "here" | "watcher" | "unknown" | "off";
  /** Seconds. */
  readonly retention: number;
  /** Null if unknown. */
  readonly last: {
    /** ISO 8601, UTC. */
    readonly at: string;
    readonly exitCode: number;
    readonly error: string | null;
    readonly purged: number | null;
  } | null;
  /** ISO 8601, UTC; null if unknown, and during a pass of this server. */
  readonly next: string | null;
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
  readonly dialect: DialectName;
  /** The built page; missing if it was not built. */
  readonly pageFolder: string;
  /** Opens `output/` and `Logs/` for some work. */
  withArtifacts<T>(work: (artifacts: Artifacts) => Promise<T>): Promise<T>;
  /** Polls whether a task is finished. */
  taskState(id: TaskId): Promise<Pick<TaskState, "look" | "status">>;
  /** Aborted when the server stops. */
  readonly signal: AbortSignal;
  health(): Promise<Health>;
  /** Another text after every change of the stores, or almost every one. */
  mark(): Promise<string>;
  stats(request: StatsRequest): Promise<StatsResult>;
  /** Null if the stores can't be compared now. */
  drift(): Promise<DriftCheck | null>;
  cleanup(): Promise<CleanupState>;
  /** A command for the shell of the server's machine. @param words what follows `ttsctl` */
  command(words: string): string;
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
