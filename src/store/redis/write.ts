import { TtsctlError } from "../../errors.ts";
import type { Task } from "../../task/task.ts";
import { type TimeReader, toMicros } from "../../task/time.ts";
import type { Outcome, Upsert } from "./copies.ts";
import type { Look } from "./look.ts";
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
  look: Look,
  times: TimeReader,
  overEqual = false,
  replaced = Number.NaN,
): WriteDecision {
  const seen = look.updatedAt === null ? Number.NaN : toMicros(times.ofHash(look.updatedAt));
  if (Number.isNaN(seen)) return "write";
  const ours = toMicros(score);
  const isReplaced = seen <= toMicros(replaced);
  if (seen > ours && !isReplaced) return "newer";
  const isPartial = look.seen !== look.updatedAt;
  if (seen < ours || overEqual || isReplaced || isPartial) return "write";
  const isIndexed = look.indexScore === score && look.userScore === (look.userDue ?? score) && look.isLookedUp;
  return isIndexed ? "unchanged" : "mend";
}

/**
 * Writes tasks to the mirror, at most BATCH, each only if it is newer than the copy there. A copy that changed between
 * look and write is looked at and decided on again.
 * @param options looks: what was seen of each, looked at here if absent; overEqual and replaced: as for `decideWrite`; written:
 *   collects the tasks to compare with the file afterwards
 */
export async function writeToMirror(
  mirror: Mirror,
  tasks: readonly Task[],
  options: { looks?: readonly Outcome<Look>[] } & WriteRules = {},
): Promise<Outcome<WriteOutcome>[]> {
  const outcomes: (Outcome<WriteOutcome> | undefined)[] = tasks.map(() => undefined);
  let pending = tasks.map((_, i) => i);
  let looks: readonly Outcome<Look>[] = options.looks ?? (await mirror.look(tasks));
  for (let round = 0; pending.length > 0 && round < MOST_ROUNDS; round++) {
    pending = await writeRound(mirror, tasks, { pending, looks, outcomes, options });
    looks = await mirror.lookClosely(pending.map((i) => tasks[i]!));
  }
  return outcomes.map((outcome, i) => outcome ?? changesTooOften(tasks[i]!));
}

/** Settles what it can and returns what was refused. */
async function writeRound(
  mirror: Mirror,
  tasks: readonly Task[],
  round: {
    pending: number[];
    looks: readonly Outcome<Look>[];
    outcomes: (Outcome<WriteOutcome> | undefined)[];
    options: WriteRules;
  },
): Promise<number[]> {
  const { overEqual, replaced } = round.options;
  const writing: (Upsert & { readonly index: number })[] = [];
  round.pending.forEach((index, i) => {
    const task = tasks[index]!;
    const look = round.looks[i]!;
    if (look instanceof TtsctlError) round.outcomes[index] = look;
    else {
      const decision = decideWrite(task.score, look, mirror.times, overEqual?.(task), replaced?.[index]);
      if (decision === "newer" || decision === "unchanged") round.outcomes[index] = decision;
      else {
        const indexOnly = decision === "mend";
        const due = indexOnly && look.userDue !== undefined ? { userScore: look.userDue } : {}; // it follows the hash
        writing.push({ index, task, seen: look.seen, indexOnly, ...due });
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
