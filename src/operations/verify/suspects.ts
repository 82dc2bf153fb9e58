import { Column, KeyTable } from "../../store/key-table.ts";
import type { TaskId } from "../../store/task-source.ts";
import { toMicros } from "../../task/time.ts";
import { type Finding, KINDS } from "./classify.ts";
import type { Traits } from "./plan.ts";

const FINDINGS: readonly Finding[] = ["inSync", "absent", ...KINDS];

/** What one look at a task found, and what shows the next look whether its copies changed. */
export interface Evidence {
  readonly finding: Finding;
  /** Epoch seconds; NaN without a copy or a time. */
  readonly fileTime: number;
  readonly mirrorTime: number;
  /** Fingerprint of both copies: several states of a task may have one time. */
  readonly print: number;
  /** Some of MEMBER_ONLY, IS_RECORD, IS_FOREIGN, IS_UNNAMED. */
  readonly flags: number;
}

/** There is only a member of the user's index. */
export const MEMBER_ONLY = 1;
/** The file can take Redis's copy. */
export const IS_RECORD = 2;
/** The key of the hash is of another type. */
export const IS_FOREIGN = 4;
/** Its name in Redis isn't UTF-8, so it can't be named in a command. */
export const IS_UNNAMED = 8;

/** The state of a suspect; 0: it wasn't looked at. */
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
  readonly #fileTimes = new Column(new Float64Array(1 << 10));
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

  hasUnsureKey({ userId, taskId }: TaskId): boolean {
    return this.#keyed.has(this.keys.find(userId, taskId));
  }

  memberOnly(suspect: number): boolean {
    return (this.#flags.at(suspect) & MEMBER_ONLY) !== 0;
  }

  traits(suspect: number): Traits {
    const fileTime = this.#fileTimes.at(suspect);
    const flags = this.#flags.at(suspect);
    return {
      finding: this.finding(suspect),
      inFile: !Number.isNaN(fileTime),
      mirrorIsNewer: toMicros(this.#mirrorTimes.at(suspect)) > toMicros(fileTime),
      isRecord: (flags & IS_RECORD) !== 0,
      isForeign: (flags & IS_FOREIGN) !== 0,
      isUnnamed: (flags & IS_UNNAMED) !== 0,
    };
  }

  /** The time of Redis's copy, or the score of the only member; NaN for neither. */
  mirrorTime(suspect: number): number {
    return this.#mirrorTimes.at(suspect);
  }

  /** Keeps the evidence. Returns whether the last look found the same. */
  see(suspect: number, { finding, fileTime, mirrorTime, print, flags }: Evidence): boolean {
    const same =
      this.#states.at(suspect) === SEEN &&
      this.finding(suspect) === finding &&
      this.#prints.at(suspect) === print &&
      Object.is(this.#fileTimes.at(suspect), fileTime) &&
      Object.is(this.#mirrorTimes.at(suspect), mirrorTime);
    this.#states.set(suspect, SEEN);
    this.#findings.set(suspect, FINDINGS.indexOf(finding));
    this.#prints.set(suspect, print);
    this.#fileTimes.set(suspect, fileTime);
    this.#mirrorTimes.set(suspect, mirrorTime);
    this.#flags.set(suspect, flags);
    return same;
  }

  /** The last look counts. */
  settle(suspect: number): void {
    this.#states.set(suspect, SETTLED);
  }

  /** A task that changed between any two looks isn't drift. */
  settleMoving(suspect: number): void {
    this.#findings.set(suspect, FINDINGS.indexOf("inSync"));
    this.settle(suspect);
  }

  *unsettled(): Generator<number> {
    for (let suspect = 0; suspect < this.size; suspect++) if (this.#states.at(suspect) !== SETTLED) yield suspect;
  }

  *of(...findings: readonly Finding[]): Generator<number> {
    for (let suspect = 0; suspect < this.size; suspect++) if (findings.includes(this.finding(suspect))) yield suspect;
  }
}
