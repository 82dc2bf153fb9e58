import type { Outcome, Upsert } from "../../store/redis/copies.ts";
import { guardOf, type RedisCopy } from "../../store/redis/copy.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { type WriteOutcome, writeToMirror } from "../../store/redis/write.ts";
import type { WrittenCopies } from "../../store/written-copies.ts";
import type { Task } from "../../task/task.ts";
import { classify } from "./classify.ts";

/**
 * Writes the file's records over copies of the same time and over partial hashes. A partial hash isn't a record, so its
 * time doesn't count. The guard includes the status, because a service may write several states of a task within one
 * second. Copies that are neither by now get the ordinary guard.
 * @param tasks at most BATCH
 */
export async function writeOver(
  mirror: Mirror,
  tasks: readonly Task[],
  written: WrittenCopies,
): Promise<Outcome<WriteOutcome>[]> {
  const copies = await mirror.fullCopies(tasks);
  const due = tasks.flatMap((task, i) => upsertOver(task, copies[i]!, mirror));
  const flags = await mirror.upsert(due);
  const outcomes = new Map(due.map(({ task }, i) => [task, flags[i]!]));
  for (const [task, flag] of outcomes) if (flag === true) written.note(task);
  const rest = tasks.filter((task) => (outcomes.get(task) ?? false) === false);
  const others = await writeToMirror(mirror, rest, { written });
  return tasks.map((task) => {
    const outcome = outcomes.get(task) ?? false;
    return outcome === true ? "written" : outcome === false ? others[rest.indexOf(task)]! : outcome;
  });
}

function upsertOver(task: Task, copy: RedisCopy, mirror: Mirror): Upsert[] {
  const finding = classify(task, copy, mirror);
  if (finding !== "partial" && finding !== "differs") return [];
  const guarded = { task, seen: guardOf(copy, mirror).seen };
  const { status = null } = copy.fields;
  if (finding === "partial") return [{ ...guarded, afresh: true }];
  return [status === null ? guarded : { ...guarded, seenStatus: status }];
}
