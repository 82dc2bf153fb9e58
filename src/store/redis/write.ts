import { TtsctlError } from "../../errors.ts";
import type { Task } from "../../task/task.ts";
import { toMicros } from "../../task/time.ts";
import type { Outcome, Upsert } from "./copies.ts";
import { guardOf, type RedisCopy, scoreOf, userScoreDue } from "./copy.ts";
import type { CopyReading } from "./layout.ts";
import type { Mirror } from "./mirror.ts";

/** What a guarded write came to: done; the hash stays, and its index members were set right, or were; or left for a newer copy. */
export type WriteOutcome = "written" | "mended" | "unchanged" | "newer";

/** What is to be done about one copy; `mend` leaves the hash and sets the index members right. */
export type WriteDecision = "write" | "mend" | "unchanged" | "newer";

/** What `decideWrite` is told of each task besides. */
interface WriteRules {
  /** Notes each task whose hash was written. */
  readonly written?: { note(task: Task): void };
  readonly overEqual?: (task: Task) => boolean;
  readonly replaced?: readonly number[];
}

/** How often a copy that changes under our hands is looked at again. */
const MOST_ROUNDS = 8;

/**
 * The rule of SPEC sections 3 and 5: never back in time; at an equal time the hash stays and the scores are set right,
 * unless `overEqual` says that the file's record replaces it, or it lacks a time of its own and is made whole.
 * @param score the record's `updated_at`, epoch seconds
 * @param replaced that of the record which it replaced in the file, as the operator asked: a copy no newer goes with it; NaN: none
 */
export function decideWrite(
  score: number,
  copy: RedisCopy,
  reading: CopyReading,
  overEqual = false,
  replaced = Number.NaN,
): WriteDecision {
  const { updatedAt, seen: guard } = guardOf(copy, reading);
  const seen = updatedAt === null ? Number.NaN : toMicros(reading.parser.times.ofHash(updatedAt));
  if (Number.isNaN(seen)) return "write";
  const ours = toMicros(score);
  const isReplaced = seen <= toMicros(replaced);
  if (seen > ours && !isReplaced) return "newer";
  const isPartial = guard !== updatedAt;
  if (seen < ours || overEqual || isReplaced || isPartial) return "write";
  const due = reading.layout.userScoredBy === "updated_at" ? score : userScoreDue(copy, reading);
  const isScored = scoreOf(copy.indexScore) === score && scoreOf(copy.userScore) === due;
  const isIndexed = isScored && copy.lookup !== "wrong";
  return isIndexed ? "unchanged" : "mend";
}

/**
 * Writes tasks to the mirror, at most BATCH, each only if it is newer than the copy there. A copy that changed between
 * look and write is looked at and decided on again.
 * @param options copies: of each task, read here if absent; overEqual and replaced: as for `decideWrite`; written:
 *   collects the tasks to compare with the file afterwards
 */
export async function writeToMirror(
  mirror: Mirror,
  tasks: readonly Task[],
  options: { copies?: readonly Outcome<RedisCopy>[] } & WriteRules = {},
): Promise<Outcome<WriteOutcome>[]> {
  const outcomes: (Outcome<WriteOutcome> | undefined)[] = tasks.map(() => undefined);
  let pending = tasks.map((_, i) => i);
  for (let round = 0; pending.length > 0 && round < MOST_ROUNDS; round++) {
    const known = round === 0 ? options.copies : undefined;
    const due = pending.map((i) => tasks[i]!);
    const copies = known ?? (await mirror.copies(due, "scores"));
    pending = await writeRound(mirror, tasks, { pending, copies, outcomes, options });
  }
  return outcomes.map((outcome, i) => outcome ?? changesTooOften(tasks[i]!));
}

/** Settles what it can and returns what was refused. */
async function writeRound(
  mirror: Mirror,
  tasks: readonly Task[],
  round: {
    pending: number[];
    copies: readonly Outcome<RedisCopy>[];
    outcomes: (Outcome<WriteOutcome> | undefined)[];
    options: WriteRules;
  },
): Promise<number[]> {
  const { overEqual, replaced } = round.options;
  const writing: (Upsert & { readonly index: number })[] = [];
  round.pending.forEach((index, i) => {
    const task = tasks[index]!;
    const copy = round.copies[i]!;
    if (copy instanceof TtsctlError) round.outcomes[index] = copy;
    else {
      const decision = decideWrite(task.score, copy, mirror, overEqual?.(task), replaced?.[index]);
      if (decision === "newer" || decision === "unchanged") round.outcomes[index] = decision;
      else {
        const indexOnly = decision === "mend";
        const isOther = indexOnly && mirror.layout.userScoredBy !== "updated_at";
        const due = isOther ? { userScore: userScoreDue(copy, mirror) } : {}; // it follows the hash
        writing.push({ index, task, seen: guardOf(copy, mirror).seen, indexOnly, ...due });
      }
    }
  });
  const flags = await mirror.upsert(writing);
  const refused: number[] = [];
  writing.forEach(({ index, indexOnly }, i) => {
    const flag = flags[i]!;
    if (flag === false) refused.push(index);
    else if (flag !== true) round.outcomes[index] = flag;
    else {
      round.outcomes[index] = indexOnly ? "mended" : "written";
      if (!indexOnly) round.options.written?.note(tasks[index]!);
    }
  });
  return refused;
}

function changesTooOften({ userId, taskId }: Task): TtsctlError {
  return new TtsctlError("REDIS_FAILED", `${userId}:${taskId} changes in Redis faster than it can be written`);
}
