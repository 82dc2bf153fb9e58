import { TtsctlError } from "../errors.ts";
import { isFatal } from "../store/redis/errors.ts";
import { counted } from "../task/amounts.ts";
import type { TaskId } from "../task/ids.ts";
import type { Reason } from "./purge/rules.ts";

export type WarningFields = Readonly<Record<string, string | number>>;

/** Receives the events of an operation; its result is a value. */
export interface Reporter {
  /** One line for the operator; the fields are the same for programs. */
  warn(line: string, fields?: WarningFields): void;
  /** `total` may grow. */
  progress(label: string, done: number, total: number): void;
  /** Outcomes of tasks or files, or of a dry run. Returns when they are written. */
  done<E extends keyof DoneItems>(event: E, items: readonly DoneItems[E][], dryRun: boolean): Promise<void>;
}

export interface PurgedTask extends TaskId {
  /** Whether the file had it, and Redis. */
  readonly local: boolean;
  readonly redis: boolean;
  readonly reason: Reason;
  readonly files: number;
  readonly bytes: number;
}

export interface MarkedTask extends TaskId {
  readonly from: string;
  readonly to: string;
  /** Whether it is marked in the file, and in Redis. */
  readonly local: boolean;
  readonly redis: boolean | "unknown";
}

/** A directory or log without a record. */
export interface Orphan {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

export interface DoneItems {
  readonly cleanup: PurgedTask;
  readonly mark: MarkedTask;
  readonly orphan: Orphan;
}

export const SILENT: Reporter = { warn: () => {}, progress: () => {}, done: async () => {} };

const NAMED = 10;

/** Why a change to the store file keeps being undone. */
export const RETURNED =
  "the service holds the store in memory, or writes it without a pause; restart it, or run the command while it is stopped";

/** Warns of each of the first few tasks, and counts the rest. */
export class NamedWarnings {
  readonly #errors = new Set<string>();
  #named = 0;
  count = 0;

  constructor(
    private readonly reporter: Reporter,
    private readonly what: string,
  ) {}

  /** Tasks that fail with the same error, as those of a key of another type do, are one line. */
  add({ userId, taskId }: TaskId, cause: string | TtsctlError): void {
    this.count++;
    const reason =
      typeof cause === "string" ? cause : cause.message + (cause.hint === undefined ? "" : `; ${cause.hint}`);
    if (this.#named === NAMED || this.#errors.has(reason)) return;
    this.#named++;
    if (cause !== reason) this.#errors.add(reason);
    this.reporter.warn(`${userId}:${taskId} ${this.what}: ${reason}`, { user: userId, task: taskId, reason });
  }

  /** Adds the tasks whose outcome is an error. @throws TtsctlError one that concerns every task, after that */
  addErrors(outcomes: readonly unknown[], idOf: (i: number) => TaskId): void {
    let fatal: TtsctlError | undefined;
    outcomes.forEach((outcome, i) => {
      if (!(outcome instanceof TtsctlError)) return;
      if (isFatal(outcome)) fatal ??= outcome;
      else this.add(idOf(i), outcome);
    });
    if (fatal !== undefined) throw fatal;
  }

  addAll(ids: Iterable<TaskId>, reason: string): void {
    for (const id of ids) this.add(id, reason);
    this.end();
  }

  end(): void {
    const more = this.count - this.#named;
    const what = more === 1 ? this.what : this.what.replace(/^was\b/, "were").replace(/^is\b/, "are");
    if (more > 0) this.reporter.warn(`and ${counted(more, "more task")} ${what}`, { tasks: more });
  }
}
