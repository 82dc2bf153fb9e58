import { TtsctlError } from "../../errors.ts";
import { fieldJson } from "../../json/record.ts";
import { batches } from "../../pool.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { KeyTable } from "../../store/key-table.ts";
import { BATCH } from "../../store/redis/copies.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { TaskFilter } from "../../task/query-fields.ts";
import type { RecordRules } from "../../task/rules.ts";
import { RecordParser, type Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import { touched } from "../../task/touch.ts";
import { PlanSummary } from "../brake.ts";
import { MergePlan } from "../merge/merge-plan.ts";
import { type Copies, type Copy, CopyColumn, fileCopy, mirrorCopy, sameCopy } from "../purge/copies.ts";
import { copyPasses, newestCopy } from "../purge/decide.ts";
import type { Survey } from "../purge/survey.ts";

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

/** Marks only if the newest copy is the file's or the only one: over a newer one in Redis, it would hide the service's write. */
export function decideMark(copies: Copies, { filter, shown, always }: MarkRule): MarkDecision {
  const newest = newestCopy(copies);
  if (copies.file === "invalid") return refuse("the file holds an invalid record of it, which is left alone");
  if (newest === null) return { kind: "gone" };
  if (copies.file !== null && newest !== copies.file) {
    return refuse(
      `Redis has a newer copy of it (${newest.status}); \`ttsctl verify --repair\` brings it into the file`,
    );
  }
  const isChosen = copyPasses(newest, filter);
  // An earlier mark may have been stopped between the file and Redis, whose older copy was chosen.
  if (newest.status === shown && (!always || !isChosen)) return { kind: "unchanged" };
  if (!isChosen) return refuse(`it is ${newest.status} in the file, and was chosen by an older copy in Redis`);
  return { kind: "mark" };
}

function refuse(reason: string): MarkDecision {
  return { kind: "refuse", reason };
}

/** Marks a record, or says why it can't be marked. */
export type Marker = (task: Task) => Task | string;

/**
 * Changes status, error and `updated_at`, whose form is kept and which becomes later; every other field stays as it was written.
 * @param mark status: the service's word; error: undefined keeps the record's own
 * @param now epoch seconds
 */
export function markerOf(
  { status, error }: { readonly status: string; readonly error: string | null | undefined },
  now: number,
  rules: RecordRules,
): Marker {
  const parser = new RecordParser(rules);
  return (task) => {
    if (toMicros(task.score) > toMicros(now)) return "its updated_at lies ahead of this machine's clock";
    const changes = new Map([["status", JSON.stringify(status)]]);
    const hasError = fieldJson(task.json, "error") !== undefined;
    if (error !== undefined && (error !== null || hasError)) changes.set("error", JSON.stringify(error));
    return (
      touched(task, changes, now, parser) ??
      "no time that is later than its own can be written, where the clock is put back"
    );
  };
}

/** The tasks that are marked, with Redis's copies as they were decided on, as columns: there may be a million. */
export class DecidedCopies {
  readonly keys = new KeyTable();
  readonly #copies = new CopyColumn();

  add({ userId, taskId }: TaskId, copy: Copies["mirror"]): void {
    this.#copies.set(this.keys.addId(userId, taskId), copy);
  }

  of({ userId, taskId }: TaskId): Copies["mirror"] {
    return this.#copies.at(this.keys.find(userId, taskId));
  }
}

export interface MarkPlan {
  /** The content of the file that it was made for. */
  readonly base: Snapshot;
  readonly marker: Marker;
  readonly inFile: MergePlan;
  readonly onlyInRedis: KeyTable;
  readonly decided: DecidedCopies;
  readonly summary: PlanSummary;
  readonly refused: [TaskId, reason: string][];
  readonly failed: [TaskId, reason: string][];
  /** In neither store. */
  readonly gone: TaskId[];
  readonly unchanged: number;
  /** The rows of unchanged tasks whose copy in Redis differs. */
  readonly behind: number[];
}

interface PlanParts extends Pick<MarkPlan, "base" | "marker"> {
  readonly mirror: Mirror | null;
  readonly rule: MarkRule;
}

/** Decides on every task that was chosen by both its copies. */
export async function planMarks(
  { base, mirror, marker, rule }: PlanParts,
  { rows, others }: Survey,
): Promise<MarkPlan> {
  const [onlyInRedis, decided, summary] = [new KeyTable(), new DecidedCopies(), new PlanSummary()];
  const [refused, failed]: [TaskId, string][][] = [[], []];
  const [gone, behind, marked]: [TaskId[], number[], number[]] = [[], [], []];
  let unchanged = 0;
  for (const ids of batches(chosenIds(base, rows, others), BATCH)) {
    const found = mirror === null ? [] : await mirror.copies(ids, "state");
    const records = await base.recordsOf(ids);
    for (const [i, id] of ids.entries()) {
      const [redis = null, record] = [found[i], records[i]!];
      if (redis instanceof TtsctlError) {
        failed.push([id, redis.message]);
        continue;
      }
      const copies = { file: fileCopy(base, id), mirror: redis === null ? null : mirrorCopy(redis, mirror!) };
      const decision = decideMark(copies, rule);
      const row = base.rowOf(id.userId, id.taskId);
      const result = decision.kind === "mark" && record !== null ? marker(record) : null;
      if (decision.kind === "refuse") refused.push([id, decision.reason]);
      else if (typeof result === "string") refused.push([id, result]);
      else if (decision.kind === "gone") gone.push(id);
      else if (decision.kind === "unchanged") {
        unchanged++;
        if (mirror !== null && row >= 0 && !sameCopy<Copies[keyof Copies]>(copies.file, copies.mirror))
          behind.push(row);
      } else {
        if (row < 0) onlyInRedis.addId(id.userId, id.taskId);
        else marked.push(row);
        decided.add(id, copies.mirror);
        summary.add(id, ((row < 0 ? copies.mirror : copies.file) as Copy).status);
      }
    }
  }
  const inFile = new MergePlan(base, Int32Array.from(marked), (task) => {
    const record = marker(task);
    if (typeof record === "object") return record;
    throw new TtsctlError("INTERNAL", `${task.userId}:${task.taskId} could not be marked after all: ${record}`);
  });
  await inFile.on(base);
  return { base, marker, inFile, onlyInRedis, decided, summary, refused, failed, gone, unchanged, behind };
}

function* chosenIds(snapshot: Snapshot, rows: Iterable<number>, others: KeyTable): Generator<TaskId> {
  for (const row of rows) yield snapshot.idOf(row);
  yield* others.ids();
}
