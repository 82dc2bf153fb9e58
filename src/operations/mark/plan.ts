import { TtsctlError } from "../../errors.ts";
import { fieldJson } from "../../json/record.ts";
import { batches } from "../../pool.ts";
import { Changes, putsFrom } from "../../store/file/changes.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { TaskFilter } from "../../task/query-fields.ts";
import type { RecordRules } from "../../task/rules.ts";
import { RecordParser, saysDeleted, type Task } from "../../task/task.ts";
import { touched } from "../../task/touch.ts";
import { newer } from "../../task/version.ts";
import { PlanSummary } from "../brake.ts";
import { ENDS_ITSELF } from "../purge/backup.ts";
import {
  asCopy,
  type Copies,
  copyPasses,
  fileCopy,
  INVALID_RECORD,
  mirrorCopy,
  newestCopy,
  notChosen,
  sameCopy,
} from "../purge/copies.ts";
import { chosenIds, type Survey } from "../purge/survey.ts";

export type MarkDecision =
  | { readonly kind: "mark" | "unchanged" | "gone" }
  | { readonly kind: "refuse"; readonly reason: string };

export interface MarkRule {
  readonly filter: TaskFilter;
  /** The new status as shown. */
  readonly shown: string;
  /** Whether tasks that have the status already are marked, to set their error. */
  readonly always: boolean;
}

/** A newer copy in Redis is refused: a mark would hide the service's write. */
export function decideMark(copies: Copies, { filter, shown, always }: MarkRule): MarkDecision {
  const newest = newestCopy(copies);
  if (copies.file === "invalid") return refuse(INVALID_RECORD);
  if (newest === null) return { kind: "gone" };
  if (copies.file !== null && newest !== copies.file) {
    return refuse(`Redis has a newer copy of it (${newest.status}); \`ttsctl verify --repair\` copies it to the file`);
  }
  const isChosen = copyPasses(newest, filter);
  // An earlier mark may have been stopped between the file and Redis, whose older copy was chosen.
  if (newest.status === shown && (!always || !isChosen)) return { kind: "unchanged" };
  if (!isChosen) return refuse(notChosen(copies, newest));
  return { kind: "mark" };
}

function refuse(reason: string): MarkDecision {
  return { kind: "refuse", reason };
}

/** Returns the marked record, or the reason why it can't be marked. */
export type Marker = (task: Task) => Task | string;

/**
 * Changes status and error, and sets `updated_at` later in the same form; all other fields are kept as they were written.
 * @param mark status: the service's word; error: undefined keeps the record's own; isBackedUp: see ENDS_ITSELF
 */
export function markerOf(
  mark: { readonly status: string; readonly error: string | null | undefined; readonly isBackedUp: boolean },
  now: number,
  rules: RecordRules,
): Marker {
  const { status, error, isBackedUp } = mark;
  const parser = new RecordParser(rules);
  return (task) => {
    if (isBackedUp && saysDeleted(task.json)) return ENDS_ITSELF;
    if (newer(task.score, now)) return "its updated_at is ahead of this machine's clock";
    const changes = new Map([["status", JSON.stringify(status)]]);
    const hasError = fieldJson(task.json, "error") !== undefined;
    if (error !== undefined && (error !== null || hasError)) changes.set("error", JSON.stringify(error));
    return touched(task, changes, now, parser) ?? NO_LATER;
  };
}

/** In the hour that is repeated when daylight saving time ends. */
const NO_LATER = "without an offset, a later updated_at would be ambiguous: daylight saving time has just ended";

/** A task to mark. */
export interface Target {
  readonly id: TaskId;
  /** In the content that was decided on; -1 for a Redis-only task. */
  readonly row: number;
  /** Redis's copy that was decided on. */
  readonly copy: Copies["mirror"];
}

/** The decision on each chosen task, made once. */
export class MarkPlan {
  readonly base: Snapshot;
  readonly marker: Marker;
  readonly inFile: Target[] = [];
  readonly onlyInRedis: Target[] = [];
  readonly summary = new PlanSummary();
  readonly refused: [TaskId, reason: string][] = [];
  readonly failed: [TaskId, reason: string][] = [];
  /** In neither store. */
  readonly gone: TaskId[] = [];
  unchanged = 0;
  /** The rows of unchanged tasks whose copy in Redis differs. */
  readonly behind: number[] = [];

  private constructor(base: Snapshot, marker: Marker) {
    this.base = base;
    this.marker = marker;
  }

  static async make(base: Snapshot, mirror: Mirror | null, marker: Marker, rule: MarkRule, found: Survey) {
    const plan = new MarkPlan(base, marker);
    for (const ids of batches(chosenIds(base, found), BATCH)) {
      const inRedis = mirror === null ? [] : await mirror.copies(ids, "state");
      const records = await base.recordsOf(ids);
      for (const [i, id] of ids.entries()) {
        const redis = inRedis[i] ?? null;
        if (redis instanceof TtsctlError) plan.failed.push([id, redis.message]);
        else plan.#decide(id, redis === null ? null : mirrorCopy(redis, mirror!), records[i]!, rule);
      }
    }
    return plan;
  }

  changes(): Changes {
    const rows = this.inFile.map(({ row }) => row);
    const puts = putsFrom(this.base, rows);
    const read = async (numbers: readonly number[]) => (await puts.read(numbers)).map((task) => this.marked(task));
    return new Changes(this.base, { removed: new Set(), puts: { ...puts, read } });
  }

  /** The new record of a task to mark. */
  marked(task: Task): Task {
    return this.marker(task) as Task;
  }

  #decide(id: TaskId, mirror: Copies["mirror"], record: Task | null, rule: MarkRule): void {
    const file = fileCopy(this.base, id);
    const decision = decideMark({ file, mirror }, rule);
    const row = this.base.rowOf(id.userId, id.taskId);
    const marked = decision.kind === "mark" && record !== null ? this.marker(record) : null;
    if (decision.kind === "refuse") this.refused.push([id, decision.reason]);
    else if (typeof marked === "string") this.refused.push([id, marked]);
    else if (decision.kind === "gone") this.gone.push(id);
    else if (decision.kind === "unchanged") {
      this.unchanged++;
      if (row >= 0 && !sameCopy<Copies[keyof Copies]>(file, mirror)) this.behind.push(row);
    } else {
      (row < 0 ? this.onlyInRedis : this.inFile).push({ id, row, copy: mirror });
      this.summary.add(id, (asCopy(file) ?? asCopy(mirror))!.status);
    }
  }
}
