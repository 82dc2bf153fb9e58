import { TtsctlError } from "../../errors.ts";
import { batches } from "../../store/batches.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { BATCH, type Outcome } from "../../store/redis/copies.ts";
import type { RedisCopy } from "../../store/redis/copy.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { PlanSummary } from "../plan-summary.ts";
import { type Copies, type Copy, fileCopy, mirrorCopy } from "../purge/copies.ts";
import type { Survey } from "../purge/survey.ts";
import { decideMark, type MarkRule } from "./decide.ts";
import { isBehind } from "./in-step.ts";
import type { Marker } from "./marker.ts";
import { Marks } from "./marks.ts";
import { OnlyInRedis } from "./only-in-redis.ts";

interface Told {
  readonly id: TaskId;
  readonly reason: string;
}

/** What is to be marked, and what is not; nothing is changed yet. */
export class MarkPlan {
  readonly marks: Marks;
  readonly onlyInRedis = new OnlyInRedis();
  readonly summary = new PlanSummary();
  readonly refused: Told[] = [];
  readonly failed: Told[] = [];
  /** In neither store. */
  readonly gone: TaskId[] = [];
  unchanged = 0;
  /** The rows of those that are unchanged, and that Redis has otherwise. */
  readonly behind: number[] = [];

  constructor(base: Snapshot) {
    this.marks = new Marks(base);
  }
}

interface PlanParts {
  readonly snapshot: Snapshot;
  readonly mirror: Mirror | null;
  readonly marker: Marker;
  readonly rule: MarkRule;
}

/** Decides on every task that was chosen, batch by batch, by both its copies. */
export async function planMarks(parts: PlanParts, { rows, others }: Survey): Promise<MarkPlan> {
  const plan = new MarkPlan(parts.snapshot);
  const { keys } = parts.snapshot.rows;
  for (const batch of batches(rows, BATCH)) {
    const ids = batch.map((row) => {
      const key = parts.snapshot.rows.key(row);
      return { userId: keys.userId(key), taskId: keys.taskId(key) };
    });
    await planBatch(plan, parts, ids);
  }
  for (const ids of batches(others.ids(), BATCH)) await planBatch(plan, parts, ids);
  return plan;
}

/** A task of the file with its row, and what Redis has of it. */
interface InFile {
  readonly id: TaskId;
  readonly row: number;
  readonly mirror: Copies["mirror"];
  readonly from: string;
}

async function planBatch(plan: MarkPlan, parts: PlanParts, ids: readonly TaskId[]): Promise<void> {
  const { snapshot, mirror, rule } = parts;
  const found = mirror === null ? [] : await mirror.copies(ids, "state");
  const inFile: InFile[] = [];
  for (const [i, id] of ids.entries()) {
    const copy: Outcome<RedisCopy> | null = found[i] ?? null;
    if (copy instanceof TtsctlError) {
      plan.failed.push({ id, reason: copy.message });
      continue;
    }
    const copies = { file: fileCopy(snapshot, id), mirror: copy === null ? null : mirrorCopy(copy, mirror!) };
    const decision = decideMark(copies, rule);
    if (decision.kind === "refuse") plan.refused.push({ id, reason: decision.reason });
    else if (decision.kind === "gone") plan.gone.push(id);
    else if (decision.kind === "unchanged") {
      plan.unchanged++;
      if (mirror !== null && isBehind(copies)) plan.behind.push(snapshot.rowOf(id.userId, id.taskId));
    } else if (copies.file === null) addOnlyInRedis(plan, id, copies.mirror as Copy);
    else inFile.push({ id, row: snapshot.rowOf(id.userId, id.taskId), mirror: copies.mirror, from: decision.from });
  }
  await addInFile(plan, parts, inFile);
}

function addOnlyInRedis(plan: MarkPlan, id: TaskId, copy: Copy): void {
  plan.onlyInRedis.add(id, copy);
  plan.summary.add(id, copy.status);
}

/** Each record is marked once for a look at it: its new time is kept, and one that cannot be marked is refused. */
async function addInFile(plan: MarkPlan, { snapshot, marker }: PlanParts, tasks: readonly InFile[]): Promise<void> {
  const records = await snapshot.readTasks(tasks.map(({ row }) => row));
  tasks.forEach(({ id, row, mirror, from }, i) => {
    const marked = marker.mark(records[i]!);
    if (typeof marked === "string") plan.refused.push({ id, reason: marked });
    else {
      plan.marks.add(row, mirror, marked.score);
      plan.summary.add(id, from);
    }
  });
}
