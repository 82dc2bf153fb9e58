import { fingerprint } from "../../json/value.ts";
import { batches, pool } from "../../pool.ts";
import type { FileIdentity } from "../../store/file/identity.ts";
import type { CurrentFile } from "../../store/file/shared-snapshot.ts";
import { Column, KeyTable } from "../../store/key-table.ts";
import { type RedisCopy, scoreOf, timeOf } from "../../store/layout/copy.ts";
import type { CopyReading } from "../../store/layout/layout.ts";
import { recordOf } from "../../store/redis/records.ts";
import { isUnsure } from "../../store/redis/walk.ts";
import type { TaskId } from "../../store/task-source.ts";
import type { Task } from "../../task/task.ts";
import { newer } from "../../task/version.ts";
import type { RedisParts } from "../parts.ts";
import { classify, type Finding, FLAGS, KINDS, type Traits } from "./classify.ts";

const FINDINGS: readonly Finding[] = ["inSync", "absent", ...KINDS];

/** The findings of one look at a task; `print` shows the next look whether its copies changed. */
export interface Evidence extends Traits {
  /** The time of Redis's copy, or the score of the only member, epoch seconds; NaN for neither. */
  readonly mirrorTime: number;
  /** Fingerprint of both copies: several states of a task may have one time. */
  readonly print: number;
}

/** The state of a suspect; 0: not read yet. */
const SEEN = 1;
const SETTLED = 2;

/** The tasks that may have drifted, as columns: after a flush there may be a million. A suspect is a number from 0. */
export class Suspects {
  readonly keys = new KeyTable();
  readonly #keyed = new Set<number>();
  readonly #states = new Column(new Uint8Array(1 << 10));
  readonly #findings = new Column(new Uint8Array(1 << 10));
  readonly #flags = new Column(new Uint8Array(1 << 10));
  readonly #prints = new Column(new Int32Array(1 << 10));
  readonly #mirrorTimes = new Column(new Float64Array(1 << 10));

  /** @param hasUnsureKey whether a key was seen whose name may not be UTF-8 */
  add(userId: string, taskId: string, hasUnsureKey = false): void {
    const suspect = this.keys.addId(userId, taskId);
    if (hasUnsureKey) this.#keyed.add(suspect);
  }

  get size(): number {
    return this.keys.size;
  }

  id(suspect: number): TaskId {
    return this.keys.id(suspect);
  }

  finding(suspect: number): Finding {
    return FINDINGS[this.#findings.at(suspect)]!;
  }

  hasUnsureKey(suspect: number): boolean {
    return this.#keyed.has(suspect);
  }

  traits(suspect: number): Traits {
    const bits = this.#flags.at(suspect);
    const flags = FLAGS.map((flag, i) => [flag, (bits & (1 << i)) !== 0]);
    return { finding: this.finding(suspect), ...(Object.fromEntries(flags) as Omit<Traits, "finding">) };
  }

  mirrorTime(suspect: number): number {
    return this.#mirrorTimes.at(suspect);
  }

  /** Keeps the evidence. Returns whether the last look found the same. */
  see(suspect: number, evidence: Evidence): boolean {
    const { finding, mirrorTime, print } = evidence;
    const wasSeen = this.#states.at(suspect) === SEEN;
    const same = wasSeen && this.finding(suspect) === finding && this.#prints.at(suspect) === print;
    this.#states.set(suspect, SEEN);
    this.#findings.set(suspect, FINDINGS.indexOf(finding));
    this.#prints.set(suspect, print);
    this.#mirrorTimes.set(suspect, mirrorTime);
    const flags = FLAGS.reduce((bits, flag, i) => bits | (Number(evidence[flag]) << i), 0);
    this.#flags.set(suspect, flags);
    return same;
  }

  /** Ends the looks at a suspect. */
  settle(suspect: number, finding = this.finding(suspect)): void {
    this.#findings.set(suspect, FINDINGS.indexOf(finding));
    this.#states.set(suspect, SETTLED);
  }

  *unsettled(): Generator<number> {
    for (let suspect = 0; suspect < this.size; suspect++) if (this.#states.at(suspect) !== SETTLED) yield suspect;
  }

  *of(...findings: readonly Finding[]): Generator<number> {
    for (let suspect = 0; suspect < this.size; suspect++) if (findings.includes(this.finding(suspect))) yield suspect;
  }
}

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
    if (look > 1) await clock.sleep(PATIENCE_MS);
    const snapshot = await parts.file.snapshot();
    const isFileFresh = snapshot.identity !== first || isLate(Number(snapshot.identity?.mtimeNs ?? 0) / 1e9);
    let [looked, open] = [0, 0];
    const lookAt = async (batch: readonly number[]) => {
      const ids = batch.map((suspect) => suspects.id(suspect));
      const copies = await mirror.fullCopies(ids);
      const records = await snapshot.recordsOf(ids);
      for (const [i, suspect] of batch.entries()) {
        const [id, record] = [ids[i]!, records[i]!];
        const evidence = evidenceOf(id, record, copies[i]!, mirror);
        let { finding } = evidence;
        if (evidence.isUnnamed) finding = suspects.hasUnsureKey(suspect) ? "partial" : "dangling";
        if (record === null && snapshot.holds(id)) finding = "absent"; // invalid records are counted apart
        const same = suspects.see(suspect, { ...evidence, finding });
        const isFresh = isFileFresh || isLate(record?.score ?? Number.NaN) || isLate(evidence.mirrorTime);
        if (finding !== "inSync" && finding !== "absent" && !same && isFresh) open++;
        else suspects.settle(suspect);
      }
      looked += batch.length;
      reporter.progress("rechecking", looked, suspects.size);
    };
    await pool(batches(suspects.unsettled(), LOOK_BATCH), IN_FLIGHT, lookAt, signal);
    if (open === 0 || signal.aborted) return;
  }
  for (const suspect of suspects.unsettled()) suspects.settle(suspect, "inSync");
}

function evidenceOf(id: TaskId, record: Task | null, copy: RedisCopy, mirror: CopyReading): Evidence {
  const finding = classify(record, copy, mirror);
  const memberOnly = finding === "dangling" && record === null && copy.indexScore === null && copy.userScore !== null;
  const mirrorTime = memberOnly ? scoreOf(copy.userScore)! : timeOf(copy, mirror);
  const mayBeRecord = copy.type === "hash" && (finding === "partial" || finding === "newerInRedis" || record === null);
  return {
    finding,
    inFile: record !== null,
    mirrorIsNewer: record !== null && newer(mirrorTime, record.score),
    isRecord: mayBeRecord && recordOf(copy, id, mirror) !== null,
    isForeign: finding === "partial" && copy.type !== "hash",
    // A name that isn't UTF-8 was listed, but isn't there under the name that it is read as.
    isUnnamed: finding === "absent" && (isUnsure(id.userId) || isUnsure(id.taskId)),
    memberOnly,
    mirrorTime,
    print: fingerprint(JSON.stringify([record?.json, copy])),
  };
}
