import { setTimeout as sleep } from "node:timers/promises";
import { fingerprint } from "../../json/value.ts";
import { batches, pool } from "../../pool.ts";
import type { FileIdentity } from "../../store/file/identity.ts";
import type { CurrentFile } from "../../store/file/shared-snapshot.ts";
import type { Snapshot } from "../../store/file/snapshot.ts";
import { type RedisCopy, scoreOf, timeOf } from "../../store/layout/copy.ts";
import type { CopyReading } from "../../store/layout/layout.ts";
import { recordOf } from "../../store/redis/records.ts";
import { isUnsure } from "../../store/redis/walk.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Task } from "../../task/task.ts";
import type { RedisParts } from "../parts.ts";
import { classify, type Finding } from "./classify.ts";
import { type Evidence, IS_FOREIGN, IS_RECORD, IS_UNNAMED, MEMBER_ONLY, type Suspects } from "./suspects.ts";

/** How many suspects are read in one call, and how many calls at once: whole records come back. */
export const LOOK_BATCH = 200;
const IN_FLIGHT = 2;
/** A change within these seconds may be half of a double write. */
const LATELY_S = 60;
/** Time for a double write to end before the next look. */
const PATIENCE_MS = 250;
const MOST_LOOKS = 5;

/**
 * Looks at both copies of each suspect again. A recent change counts as drift only if two looks in a row saw the same: a
 * service writes one store after the other. A task that changes between all looks isn't drift.
 * @param first the content that the first look read
 */
export async function lookAgain(
  parts: RedisParts<"clock" | "reporter" | "signal"> & { readonly file: CurrentFile },
  suspects: Suspects,
  first: FileIdentity | null,
): Promise<void> {
  const { mirror, clock, reporter, signal } = parts;
  const isLate = (time: number) => Math.abs(clock.now() - time) < LATELY_S;
  for (let look = 1; look <= MOST_LOOKS; look++) {
    if (look > 1) await sleep(PATIENCE_MS);
    const snapshot = await parts.file.snapshot();
    const isFileFresh = snapshot.identity !== first || isLate(Number(snapshot.identity?.mtimeNs ?? 0) / 1e9);
    let [looked, open] = [0, 0];
    const lookAt = async (batch: readonly number[]) => {
      const ids = batch.map((suspect) => suspects.id(suspect));
      const copies = await mirror.fullCopies(ids);
      const records = await snapshot.recordsOf(ids);
      for (const [i, suspect] of batch.entries()) {
        const id = ids[i]!;
        const evidence = isLeftAlone(snapshot, id)
          ? NOTHING
          : unnamed(id, suspects, evidenceOf(id, records[i]!, copies[i]!, mirror));
        const { finding, fileTime, mirrorTime } = evidence;
        const same = suspects.see(suspect, evidence);
        const isFresh = isFileFresh || isLate(fileTime) || isLate(mirrorTime);
        if (finding !== "inSync" && finding !== "absent" && !same && isFresh) open++;
        else suspects.settle(suspect);
      }
      looked += batch.length;
      reporter.progress("looking again", looked, suspects.size);
    };
    await pool(batches(suspects.unsettled(), LOOK_BATCH), IN_FLIGHT, lookAt, signal);
    if (open === 0 || signal.aborted) return;
  }
  for (const suspect of suspects.unsettled()) suspects.settleMoving(suspect);
}

const NOTHING: Evidence = { finding: "absent", fileTime: Number.NaN, mirrorTime: Number.NaN, print: 0, flags: 0 };

/** An invalid record isn't compared: it is counted as invalid. */
function isLeftAlone(snapshot: Snapshot, { userId, taskId }: TaskId): boolean {
  return snapshot.rowOf(userId, taskId) < 0 && snapshot.hasInvalid(userId, taskId);
}

function evidenceOf(id: TaskId, record: Task | null, copy: RedisCopy, mirror: CopyReading): Evidence {
  const finding = classify(record, copy, mirror);
  const memberOnly = finding === "dangling" && record === null && copy.indexScore === null && copy.userScore !== null;
  const flags = memberOnly ? MEMBER_ONLY : flagsOf(finding, id, copy, mirror);
  const mirrorTime = memberOnly ? scoreOf(copy.userScore)! : timeOf(copy, mirror);
  const { status, payload } = copy.fields;
  const print = fingerprint(`${record?.json} ${status} ${payload}`);
  return { finding, fileTime: record?.score ?? Number.NaN, mirrorTime, print, flags };
}

/** Evidence of a name that isn't UTF-8: it was listed, but isn't there under the name that it is read as. */
function unnamed(id: TaskId, suspects: Suspects, evidence: Evidence): Evidence {
  if (evidence.finding !== "absent" || !(isUnsure(id.userId) || isUnsure(id.taskId))) return evidence;
  return { ...evidence, finding: suspects.hasUnsureKey(id) ? "partial" : "dangling", flags: IS_UNNAMED };
}

/** Whether the file can take the copy. */
function flagsOf(finding: Finding, id: TaskId, copy: RedisCopy, mirror: CopyReading): number {
  if (finding !== "partial" && finding !== "newerInRedis" && finding !== "onlyInRedis") return 0;
  if (copy.type !== "hash") return IS_FOREIGN;
  return recordOf(copy, id, mirror) === null ? 0 : IS_RECORD;
}
