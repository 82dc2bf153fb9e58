import { TtsctlError } from "../../errors.ts";
import { batches } from "../../store/batches.ts";
import { BATCH, type Outcome } from "../../store/redis/copies.ts";
import { guardOf, type RedisCopy, stateOf } from "../../store/redis/copy.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { WrittenCopies } from "../../store/written-copies.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import { mirrorCopy } from "../purge/copies.ts";
import type { Marker } from "./marker.ts";
import type { Marks } from "./marks.ts";
import type { OnlyInRedis } from "./only-in-redis.ts";

/** What became of one task in Redis: marked there, or why not. */
export type MirrorMark = true | string;

/** The marked records of some entries as the file has them, or why not. */
export type MarkedRecords = (entries: readonly number[]) => Promise<(Task | string)[]>;

/** The service wrote it there since it was looked at, and what it wrote stays. */
const CHANGED = "its copy in Redis changed meanwhile and stays; the file has the mark";

/**
 * Marks the mirror's copies of tasks that the file has marked, each only if it still is as it was decided on.
 * @param entries those that the file has marked
 * @param onMarked told of each batch
 * @throws TtsctlError REDIS_* where Redis is lost: what was not told of is unknown; STORE_*: it is not marked there
 */
export async function markInMirror(
  mirror: Mirror,
  parts: { marks: Marks; records: MarkedRecords; written: WrittenCopies; signal: AbortSignal },
  entries: Iterable<number>,
  onMarked: (batch: readonly number[], outcomes: readonly MirrorMark[]) => Promise<void>,
): Promise<void> {
  const { marks, records, written, signal } = parts;
  for (const batch of batches(entries, BATCH)) {
    if (signal.aborted) return;
    const copies = await mirror.copies(
      batch.map((entry) => marks.id(entry)),
      "state",
    );
    const tasks = await records(batch);
    const isSame = (i: number, copy: RedisCopy) => marks.isMirrorAsDecided(batch[i]!, mirrorCopy(copy, mirror));
    const outcomes = await writeUnchanged(mirror, tasks, copies, isSame);
    outcomes.forEach((outcome, i) => {
      if (outcome === true) written.note(tasks[i] as Task);
    });
    await onMarked(batch, outcomes);
  }
}

/** Marks tasks that only Redis has; there alone, since what the file lacks may have been deleted. At most BATCH. */
export async function markOnlyInRedis(
  mirror: Mirror,
  { tasks, marker }: { tasks: OnlyInRedis; marker: Marker },
  entries: readonly number[],
): Promise<MirrorMark[]> {
  const ids = entries.map((entry) => tasks.id(entry));
  const copies = await mirror.copies(ids, "state");
  const records = await mirror.read(ids);
  const marked = records.map((record) => markedOrReason(record, marker));
  return writeUnchanged(mirror, marked, copies, (i, copy) => {
    const record = records[i] as Task; // anything else is a reason already
    const { status, time } = stateOf(copy, mirror);
    const isWhole = record.status === status && toMicros(record.score) === toMicros(time);
    return isWhole && tasks.isAsDecided(entries[i]!, mirrorCopy(copy, mirror));
  });
}

function markedOrReason(record: Outcome<Task | undefined>, marker: Marker): Task | string {
  if (record === undefined) return "Redis has no record of it any more";
  return record instanceof TtsctlError ? record.message : marker.mark(record);
}

/** Writes over copies that are as the decision found them, each guarded by the copy. */
async function writeUnchanged(
  mirror: Mirror,
  tasks: readonly (Task | string)[],
  copies: readonly Outcome<RedisCopy>[],
  isSame: (i: number, copy: RedisCopy) => boolean,
): Promise<MirrorMark[]> {
  const outcomes: MirrorMark[] = tasks.map((task, i) => {
    const copy = copies[i]!;
    if (copy instanceof TtsctlError) return copy.message;
    if (typeof task === "string") return task;
    return isSame(i, copy) ? true : CHANGED;
  });
  const due = outcomes.flatMap((outcome, i) => (outcome === true ? [i] : []));
  const flags = await mirror.upsert(
    due.map((i) => {
      const copy = copies[i] as RedisCopy;
      const guard = { task: tasks[i] as Task, seen: guardOf(copy, mirror).seen };
      return copy.type === "hash" ? { ...guard, seenStatus: copy.fields.status ?? "" } : guard;
    }),
  );
  due.forEach((i, at) => {
    const flag = flags[at]!;
    if (flag instanceof TtsctlError) outcomes[i] = flag.message;
    else if (!flag) outcomes[i] = CHANGED;
  });
  return outcomes;
}
