import type { IncomingMessage, ServerResponse } from "node:http";
import type { Artifacts } from "../artifacts/artifacts.ts";
import type { Clock } from "../clock.ts";
import type { DeleteResult } from "../operations/delete.ts";
import type { StatsResult } from "../operations/stats/types.ts";
import type { TaskId } from "../store/task-source.ts";
import type { TaskStore } from "../store/task-store.ts";
import type { LayoutName } from "../task/layouts.ts";
import type { RecordRules } from "../task/rules.ts";
import type { Hosts, Token } from "./guard.ts";
import type { Health } from "./health.ts";
import type { Metrics, Observed } from "./metrics.ts";

/** What Hono hands on of Node's server. */
export interface Env {
  readonly Bindings: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse };
}

/** A task to delete. */
export interface Deletion {
  readonly id: TaskId;
  /** Also one that may still be worked on. */
  readonly force: boolean;
  /** Who asks, and how, for the ledger. */
  readonly request: string;
}

/** What became of a deletion, and what is to be said with it. */
export interface Removal {
  readonly result: DeleteResult;
  readonly warnings: readonly string[];
}

/** Which stats are asked for. */
export interface StatsRequest {
  readonly userId: string | undefined;
  /** Whether audio and logs on the disk are looked at. */
  readonly disk: boolean;
  /** Whether it is worked out what a cleanup would free. */
  readonly estimate: boolean;
}

/** What the HTTP API works with. */
export interface ServerParts {
  readonly store: TaskStore;
  readonly rules: RecordRules;
  readonly clock: Clock;
  readonly hosts: Hosts;
  /** Null where none is asked for. */
  readonly token: Token | null;
  /** What a proxy leaves before the path; empty or such as `/tts`. */
  readonly basePath: string;
  /** Whose requests and answers the endpoints of tasks have, unless a request names another. */
  readonly dialect: LayoutName;
  /** The built page; missing if it was not built. */
  readonly pageFolder: string;
  /** Opens `output/` and `Logs/` for one request, which closes them. */
  openArtifacts(): Promise<Artifacts>;
  health(): Promise<Health>;
  /** `stats -o json`. */
  stats(request: StatsRequest): Promise<StatsResult>;
  readonly metrics: Metrics;
  /** Of ttsctl. */
  readonly version: string;
  /** A request that ended, for the access log. */
  ended(request: Observed): void;
  /** Deletes a task as `ttsctl delete` does; null where nothing may be changed. */
  readonly remove: ((deletion: Deletion) => Promise<Removal>) | null;
  /** A fault of ours, for the log. */
  failed(error: unknown): void;
}
