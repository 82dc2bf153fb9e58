import type { Outcome } from "../../store/redis/copies.ts";
import { seenOf } from "../../store/redis/inspection.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import { type WriteOutcome, writeToMirror } from "../../store/redis/write.ts";
import type { Task } from "../../task/task.ts";
import { classify } from "./classify.ts";

/**
 * Writes the file's records over partial hashes, also where such a fragment names a later time: it is no record that
 * could be newer. What is partial no more is left to the ordinary guard.
 * @param tasks at most BATCH
 */
export async function writePartial(mirror: Mirror, tasks: readonly Task[]): Promise<Outcome<WriteOutcome>[]> {
  const copies = await mirror.inspect(tasks);
  const isPartial = (i: number) => classify(tasks[i]!, copies[i]!, mirror) === "partial";
  const partial = tasks.flatMap((task, i) =>
    isPartial(i) ? [{ task, seen: seenOf(copies[i]!, mirror), afresh: true }] : [],
  );
  const written = await mirror.upsert(partial);
  const outcomes = new Map(partial.map(({ task }, i) => [task, written[i]!]));
  const rest = tasks.filter((task) => (outcomes.get(task) ?? false) === false);
  const others = await writeToMirror(mirror, rest, { overEqual: () => true });
  return tasks.map((task) => {
    const outcome = outcomes.get(task) ?? false;
    return outcome === true ? "written" : outcome === false ? others[rest.indexOf(task)]! : outcome;
  });
}
