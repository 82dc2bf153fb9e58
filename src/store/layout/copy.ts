import { TtsctlError } from "../../errors.ts";
import { sameJson } from "../../json/value.ts";
import type { RecordParser, Task } from "../../task/task.ts";
import type { Version } from "../../task/version.ts";
import { type CopyReading, type Layout, sameTime, stateNames, type TaskTimes, userScoreOf } from "./layout.ts";

/** The target of a task id's lookup: the task, a newer one of the same id, or neither. */
export type LookupState = "own" | "other" | "wrong";

/** A task's copy as it is in Redis (docs/contract.md, Redis). */
export interface RedisCopy {
  /** `hash`, `none`, or the type of another key in the place of the hash. */
  readonly type: string;
  /** Null for a missing field. Absent: not read in this view. */
  readonly fields: Readonly<Record<string, string | null>>;
  /** The score in the global index as Redis writes it; null for no member, or if the view doesn't read it. */
  readonly indexScore: string | null;
  /** The same in the user's index. */
  readonly userScore: string | null;
  /** Null in a layout without lookups, or if the view doesn't read it. */
  readonly lookup: LookupState | null;
}

/** What is read of copies: the fields of the state, and scores and lookup of those without a hash; of all; all fields. */
export type CopyView = "state" | "scores" | "full";

export const NO_COPY: RedisCopy = { type: "none", fields: {}, indexScore: null, userScore: null, lookup: null };

export function fieldsOf(view: CopyView, layout: Layout): readonly string[] {
  if (view === "full") return layout.fields;
  return layout.userScoredBy === "created_at" ? [...stateNames(layout), "created_at"] : stateNames(layout);
}

/** A copy from the scripts' replies: of `readHash`, both scores and the lookup. In a full view a user's index of the wrong type has no score. */
export function copyOf(hash: readonly unknown[], places: readonly unknown[], names: readonly string[], view: CopyView) {
  const [kind] = hash;
  if (kind instanceof TtsctlError) return kind;
  const [indexScore = null, userScore = null, lookup] = places;
  if (indexScore instanceof TtsctlError) return indexScore;
  if (userScore instanceof TtsctlError && view !== "full") return userScore;
  const fields: Record<string, string | null> = {};
  for (let i = 0; i < names.length; i++) fields[names[i]!] = hash[i + 1] as string | null;
  return {
    type: kind === 1 ? "hash" : kind === 0 ? "none" : String(kind),
    fields,
    indexScore: indexScore as string | null,
    userScore: userScore instanceof TtsctlError ? null : (userScore as string | null),
    lookup: typeof lookup === "string" ? (lookup as LookupState) : null,
  } satisfies RedisCopy;
}

/** Whether Redis has nothing of the task. */
export function isNothing({ type, indexScore, userScore, lookup }: RedisCopy): boolean {
  return type === "none" && indexScore === null && userScore === null && lookup !== "own";
}

/** The status and time that reading a copy gives: those of its fields, or of its payload if that rules or has the only time. */
export function stateOf({ fields }: RedisCopy, { layout, parser }: CopyReading): Version {
  return layout.stateOf([fields.status ?? null, fields.updated_at ?? null, fields.payload ?? null], parser);
}

/** Epoch seconds; NaN without a time. */
export function timeOf(copy: RedisCopy, reading: CopyReading): number {
  return stateOf(copy, reading).time;
}

export function scoreOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}

/** Whether a hash has its ids, its status and its time. */
export function isWhole({ type, fields }: RedisCopy, parser: RecordParser): boolean {
  return (
    type === "hash" &&
    !!fields.user_id &&
    !!fields.task_id &&
    fields.status != null &&
    !Number.isNaN(parser.times.ofHash(fields.updated_at ?? ""))
  );
}

/** How the index members and the lookup fit a hash with these times. */
export type Fit = "inSync" | "unindexed" | "wrongScore";

export function fitOf({ indexScore, userScore, lookup }: RedisCopy, times: TaskTimes, reading: CopyReading): Fit {
  if (indexScore === null || userScore === null || lookup === "wrong") return "unindexed";
  const isScored = Number(indexScore) === times.score && Number(userScore) === userScoreOf(reading, times);
  return isScored ? "inSync" : "wrongScore";
}

/** Whether a hash has what a sync would write of the record, payload and every field, by their meaning. */
export function sameContent({ fields }: RedisCopy, task: Task, { layout, parser }: CopyReading): boolean {
  const values = layout.valuesOf(task);
  return layout.fields.every((name, i) => {
    const [there, ours] = [fields[name] ?? "", values[i]!];
    if (name === "payload") return there === ours || (parser.isObject(there) && sameJson(there, ours));
    return name === "created_at" || name === "updated_at" ? sameTime(there, ours, parser) : there === ours;
  });
}
