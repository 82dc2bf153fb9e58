import { TtsctlError } from "../../errors.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import type { Mirror } from "../../store/redis/mirror.ts";
import type { TaskId } from "../../store/task-source.ts";
import { indexMembers } from "../index-members.ts";
import { Census } from "./census.ts";
import { mirrorCopy } from "./copies.ts";
import type { Limits } from "./policy.ts";

/**
 * Judges every task by its copies in both stores. Where Redis's index has the time that the file has, its copy is taken
 * for the same one; every other is read.
 * @param mirror null: the file alone says
 */
export async function takeCensus(snapshot: Snapshot, mirror: Mirror | null, limits: Limits): Promise<Census> {
  const census = new Census(snapshot, limits);
  if (mirror === null) return census;
  for await (const members of indexMembers(mirror, undefined)) {
    const others = members.filter((member) => !census.hasAt(member, member.score));
    await noteCopies(census, mirror, others);
  }
  return census;
}

async function noteCopies(census: Census, mirror: Mirror, ids: readonly TaskId[]): Promise<void> {
  const copies = await mirror.copies(ids, "state");
  ids.forEach(({ userId, taskId }, i) => {
    const answer = copies[i]!;
    const copy = answer instanceof TtsctlError ? null : mirrorCopy(answer, mirror);
    // A member without a hash is no copy of the task.
    if (copy === "dangling" || (copy === null && !(answer instanceof TtsctlError))) return;
    census.note({ userId, taskId }, copy);
  });
}
