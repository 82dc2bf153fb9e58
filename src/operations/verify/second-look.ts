import { setTimeout as sleep } from "node:timers/promises";
import { fingerprint } from "../../json/value.ts";
import { pool } from "../../pool.ts";
import { batches } from "../../store/batches.ts";
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

interface SecondLookParts extends RedisParts<"clock" | "reporter" | "signal"> {
  readonly file: CurrentFile;
}

/** How many suspects are looked at in one call, and how many calls at once: whole records come back. */
export const LOOK_BATCH = 200;
const IN_FLIGHT = 2;
/** What changed less long ago may be in the midst of a double write. Seconds. */
const LATELY_S = 60;
/** How long a double write is given to end before the next look. */
const PATIENCE_MS = 250;
const MOST_LOOKS = 5;

/**
 * Looks at both copies of each suspect again. What changed lately counts as drift only once two looks in a row saw the
 * same: a service writes one store after the other, and a task that moves on between all looks is being worked on.
 * @param first what the first look read of the file
 */
export async function lookAgain(parts: SecondLookParts, suspects: Suspects, first: FileIdentity | null): Promise<void> {
  for (let look = 1; look <= MOST_LOOKS; look++) {
    if (look > 1) await sleep(PATIENCE_MS);
    const snapshot = await parts.file.snapshot();
    const round = new Round(parts, suspects, snapshot, snapshot.identity !== first);
    await pool(batches(suspects.unsettled(), LOOK_BATCH), IN_FLIGHT, (batch) => round.look(batch), parts.signal);
    if (round.open === 0 || parts.signal.aborted) return;
  }
  for (const suspect of suspects.unsettled()) suspects.settleMoving(suspect);
}

/** One look at all suspects that are not settled, on one content of the file. */
class Round {
  readonly #parts: SecondLookParts;
  readonly #suspects: Suspects;
  readonly #snapshot: Snapshot;
  readonly #fileIsFresh: boolean;
  #looked = 0;
  /** How many suspects need another look. */
  open = 0;

  constructor(parts: SecondLookParts, suspects: Suspects, snapshot: Snapshot, hasMoved: boolean) {
    this.#parts = parts;
    this.#suspects = suspects;
    this.#snapshot = snapshot;
    this.#fileIsFresh = hasMoved || this.#isLate(Number(snapshot.identity?.mtimeNs ?? 0) / 1e9);
  }

  async look(batch: readonly number[]): Promise<void> {
    const { mirror } = this.#parts;
    const ids = batch.map((suspect) => this.#suspects.id(suspect));
    const copies = await mirror.fullCopies(ids);
    const records = await this.#snapshot.recordsOf(ids);
    batch.forEach((suspect, i) => {
      if (isLeftAlone(this.#snapshot, ids[i]!)) this.#settle(suspect, NOTHING);
      else
        this.#settle(suspect, unnamed(ids[i]!, this.#suspects, evidenceOf(ids[i]!, records[i]!, copies[i]!, mirror)));
    });
    this.#looked += batch.length;
    this.#parts.reporter.progress("looking again", this.#looked, this.#suspects.size);
  }

  #settle(suspect: number, evidence: Evidence): void {
    const same = this.#suspects.see(suspect, evidence);
    const isDrift = evidence.finding !== "inSync" && evidence.finding !== "absent";
    if (isDrift && !same && this.#isFresh(evidence)) this.open++;
    else this.#suspects.settle(suspect);
  }

  #isFresh({ fileTime, mirrorTime }: Evidence): boolean {
    return this.#fileIsFresh || this.#isLate(fileTime) || this.#isLate(mirrorTime);
  }

  #isLate(time: number): boolean {
    return Math.abs(this.#parts.clock.now() - time) < LATELY_S;
  }
}

const NOTHING: Evidence = { finding: "absent", fileTime: Number.NaN, mirrorTime: Number.NaN, print: 0, flags: 0 };

/** What the file holds of an invalid record is not compared: the record is counted as invalid. */
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

/** What was listed under a name that isn't UTF-8, and by the name that it is read as isn't there. */
function unnamed(id: TaskId, suspects: Suspects, evidence: Evidence): Evidence {
  if (evidence.finding !== "absent" || !(isUnsure(id.userId) || isUnsure(id.taskId))) return evidence;
  return { ...evidence, finding: suspects.hasUnsureKey(id) ? "partial" : "dangling", flags: IS_UNNAMED };
}

/** What a repair asks of a copy that may go into the file. */
function flagsOf(finding: Finding, id: TaskId, copy: RedisCopy, mirror: CopyReading): number {
  if (finding !== "partial" && finding !== "newerInRedis" && finding !== "onlyInRedis") return 0;
  if (copy.type !== "hash") return IS_FOREIGN;
  return recordOf(copy, id, mirror) === null ? 0 : IS_RECORD;
}
