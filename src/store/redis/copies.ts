import { TtsctlError } from "../../errors.ts";
import type { TaskId } from "../../task/ids.ts";
import type { Task } from "../../task/task.ts";
import type { CopyView, Fit, RedisCopy } from "../layout/copy.ts";
import { type CopyReading, type Layout, userScoreOf } from "../layout/layout.ts";
import type { Reply } from "./commands.ts";

/** The most tasks that one Lua call or one pipeline carries: few enough that no other client of Redis waits for long. */
export const BATCH = 250;

/** The outcome of one task of a batch: a value, or an error of only this task. */
export type Outcome<T> = T | TtsctlError;

/** A write that is done only if the hash is as it was seen. */
export interface Upsert {
  readonly task: Task;
  readonly seen: RedisCopy;
  /** Keep the hash and set only the index members. */
  readonly indexOnly?: boolean;
  /** Remove other fields of the hash, which is a fragment. */
  readonly afresh?: boolean;
}

/** The scores of a write in the global index and in the user's, which may be by the `created_at` of the hash that is kept. */
export function scoresOf({ task, seen, indexOnly }: Upsert, reading: CopyReading): [number, number] {
  const createdAt = indexOnly ? (seen.fields.created_at ?? "") : task.createdAt;
  return [task.score, userScoreOf(reading, { score: task.score, createdAt })];
}

/** What identifies a copy that was seen, as `include/guard.lua` compares it where a change lands. */
export function seenTexts({ type, fields }: RedisCopy, { payloadRules }: Layout): [string, string, string] {
  if (type === "none") return ["-", "", ""];
  const { status, updated_at: time, payload } = fields;
  return [`=${status ?? ""}`, time ?? "", payloadRules || !time ? `=${payload ?? ""}` : ""];
}

/** A removal that is done only if the copy is as it was seen. */
export interface GuardedRemoval {
  readonly id: TaskId;
  readonly seen: RedisCopy;
}

/** How the indexes fitted a hash that is as its record, which members there are, and whether these were set to fit it. */
export interface Fitting {
  readonly fit: Fit;
  readonly inIndex: boolean;
  readonly inUserIndex: boolean;
  readonly isSet: boolean;
}

/** The copies of tasks, each a hash and its two index members. At most BATCH in a call. */
export interface MirrorCopies {
  /** Fields of each hash, in fewer commands than one for each. */
  fields?(ids: readonly TaskId[], names: readonly string[]): Promise<Reply[]>;
  /** In a full view only what concerns an index as a whole is an error. */
  read(ids: readonly TaskId[], view: CopyView): Promise<Outcome<RedisCopy>[]>;
  /** As `fits` or `reindex` of the mirror, in one command; absent if the copies must be read. */
  fits?(tasks: readonly Task[], sets: boolean): Promise<readonly (Fitting | null)[]>;
  /** True if written, false if the hash changed since it was read. */
  upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]>;
  /** True if removed, false if the copy changed since it was read. */
  remove(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]>;
}

/** How often a copy that another process changes is read again. */
const MOST_ROUNDS = 8;

/**
 * Decides on the copies of tasks and acts under guards. A copy that changed between the two is read and decided on again.
 * @param steps decide: an outcome, or an action; done: the outcome of an action; verb: for the error of a restless copy
 */
export async function settle<Action extends object, Result extends string>(
  ids: readonly TaskId[],
  steps: {
    read(ids: readonly TaskId[], round: number): Promise<readonly Outcome<RedisCopy>[]>;
    decide(copy: RedisCopy, index: number): Result | Action;
    act(actions: readonly Action[]): Promise<Outcome<boolean>[]>;
    done(action: Action): Result;
    verb: string;
  },
): Promise<Outcome<Result>[]> {
  const outcomes = new Array<Outcome<Result>>(ids.length);
  let pending = ids.map((id, index) => ({ id, index }));
  for (let round = 0; pending.length > 0 && round < MOST_ROUNDS; round++) {
    const due: { id: TaskId; index: number; action: Action }[] = [];
    const dueIds = pending.map(({ id }) => id);
    for (const [i, copy] of (await steps.read(dueIds, round)).entries()) {
      const { id, index } = pending[i]!;
      const decision = copy instanceof TtsctlError ? copy : steps.decide(copy, index);
      if (typeof decision === "string" || decision instanceof TtsctlError) outcomes[index] = decision;
      else due.push({ id, index, action: decision });
    }
    const flags = await steps.act(due.map(({ action }) => action));
    pending = due.filter(({ index, action }, i) => {
      const flag = flags[i]!;
      if (flag !== false) outcomes[index] = flag === true ? steps.done(action) : flag;
      return flag === false;
    });
  }
  for (const { id, index } of pending) {
    const message = `${id.userId}:${id.taskId} changes in Redis faster than it can be ${steps.verb}`;
    outcomes[index] = new TtsctlError("REDIS_FAILED", message);
  }
  return outcomes;
}
