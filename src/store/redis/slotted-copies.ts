import { TtsctlError } from "../../errors.ts";
import type { Task } from "../../task/task.ts";
import { type CopyView, copyOf, fieldsOf, type RedisCopy } from "../layout/copy.ts";
import { type CopyReading, stateNames } from "../layout/layout.ts";
import type { TaskId } from "../task-source.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import { type GuardedRemoval, type MirrorCopies, type Outcome, scoresOf, type Upsert } from "./copies.ts";
import { SCRIPTS, SLOT_SCRIPTS } from "./scripts.ts";
import { type Both, errorIn, type Scored, SlottedKeys } from "./slotted-keys.ts";

interface Write extends Scored {
  readonly upsert: Upsert;
  outcome: Outcome<boolean> | undefined;
}

/** A removal of members with at most these scores. */
interface Removal extends Scored {
  /** Fields and values that the hash must have to be removed first; without any, a task with a hash is refused. */
  readonly guard: readonly string[];
}

/**
 * Copies in a cluster (docs/contract.md, Deployments), where no script sees a hash and its index members together: they
 * are in different slots. So a write or a removal is a series of steps, each one round trip to all nodes with its own
 * guard.
 *
 * A write:
 * 1. check the guard, and the types of the indexes and of the lookup, so a refused write leaves nothing behind;
 * 2. raise both scores to ours (`ZADD GT`);
 * 3. write the hash if its guard still holds;
 * 4. read both scores again; if one isn't ours and the hash still is, set it, then check the hash again;
 * 5. if the write was refused, give the members the scores of the existing hash, or remove them without one;
 * 6. set the lookup.
 *
 * A removal:
 * 1. read the scores: members without a hash must have those that were seen;
 * 2. remove the hash if it is as it was when the removal was decided on; members alone: check that there is no hash;
 * 3. remove the members whose scores are at most those that were seen, or the time of the hash;
 * 4. remove the lookup if it names the user;
 * 5. look for a hash again: if there is one, put members and lookup back.
 *
 * A kill between steps leaves a member without a hash, or a score that is too high. A service writes hash, index, index,
 * without a lock. If its hash comes before ours, ours is refused, and `GT` keeps the higher score. If it comes after ours,
 * so do its scores. A process that sets a score wrote the hash before: so the check of the hash after the scores were read
 * shows whose scores they are, and they are set only if unchanged. A removal that found no hash yet may take the members of
 * a write before its hash comes: step 4 of the write puts them back, or step 5 of the removal. A hash that was
 * written but is gone in step 5 was removed since.
 */
export class SlottedCopies implements MirrorCopies {
  readonly #reading: CopyReading;
  readonly #keys: SlottedKeys;

  constructor(commands: RedisCommands, reading: CopyReading) {
    this.#reading = reading;
    this.#keys = new SlottedKeys(commands, reading);
  }

  async read(ids: readonly TaskId[], view: CopyView): Promise<Outcome<RedisCopy>[]> {
    const names = fieldsOf(view, this.#reading.layout);
    const [hashes, scores] = await Promise.all([
      this.#keys.onHashes(SLOT_SCRIPTS.hash, ids, () => [view, ...names]),
      this.#keys.scores(ids),
    ]);
    const scored = ids.map(({ userId, taskId }, i): Scored => {
      const [text] = scores[i]!;
      const score = typeof text === "string" ? Number(text) : Number.NEGATIVE_INFINITY;
      return { userId, taskId, scores: [score, Number.NaN] };
    });
    const lookups = await this.#keys.lookups(scored);
    return hashes.map((hash, i) => {
      if (hash instanceof TtsctlError) return hash;
      const lookup = lookups[i]!;
      const says = lookup instanceof TtsctlError ? "wrong" : lookup.says;
      return copyOf(hash as Reply[], [...scores[i]!, says], names, view);
    });
  }

  async matches(tasks: readonly Task[]): Promise<boolean[]> {
    const { layout } = this.#reading;
    const first = [layout.fields.length, ...layout.fields];
    const argsOf = (i: number) => [...first, ...layout.valuesOf(tasks[i]!)];
    return (await this.#keys.onHashes(SCRIPTS.matches, tasks, argsOf)).map((reply) => reply === "1");
  }

  async upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    const writes = upserts.map((upsert): Write => {
      const { userId, taskId } = upsert.task;
      return { userId, taskId, scores: scoresOf(upsert, this.#reading), upsert, outcome: undefined };
    });
    refuseRepeated(writes);
    await this.#check(open(writes));
    await this.#raise(open(writes));
    const tried = open(writes);
    await this.#write(tried);
    const written = tried.filter(({ outcome }) => outcome === true);
    await this.#settle(written);
    const gone = await this.#takeBack(tried.filter(({ outcome }) => outcome === false));
    for (const write of gone) if (written.includes(write)) write.outcome = true;
    const due = written.filter((write) => write.outcome === true && !gone.includes(write));
    for (const [write, error] of await this.#keys.setLookups(due)) (write as Write).outcome = error;
    return writes.map(({ outcome }) => outcome!);
  }

  async remove(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    const names = stateNames(this.#reading.layout);
    const scores = await this.#keys.scores(removals.map(({ id }) => id));
    const due = new Map<number, Removal>();
    const outcomes = removals.map(({ id, copy }, i): Outcome<boolean> => {
      const seen = [copy.indexScore, copy.userScore] as const;
      const isSame = copy.type === "hash" || seen.every((score, half) => score === scores[i]![half]);
      const error = errorIn(scores[i]!);
      if (error !== undefined || !isSame) return error ?? false;
      const guard = copy.type === "hash" ? names.flatMap((name) => [name, copy.fields[name] ?? ""]) : [];
      due.set(i, { ...id, guard, scores: this.#limitsOf(copy) });
      return false;
    });
    const removed = await this.#remove([...due.values()]);
    [...due.keys()].forEach((i, at) => {
      outcomes[i] = removed[at]!;
    });
    return outcomes;
  }

  async #check(writes: readonly Write[]): Promise<void> {
    const [guards, scores, lookups] = await Promise.all([
      this.#checkGuards(writes, (write) => this.#guardOf(write)),
      this.#keys.scores(writes),
      this.#keys.held(writes),
    ]);
    writes.forEach((write, i) => {
      write.outcome = errorIn([...scores[i]!, guards[i], lookups[i]]) ?? (guards[i] === 1 ? undefined : false);
    });
  }

  async #raise(writes: readonly Write[]): Promise<void> {
    const raised = await this.#keys.raise(writes);
    writes.forEach((write, i) => {
      write.outcome = errorIn(raised[i]!);
    });
  }

  async #write(writes: readonly Write[]): Promise<void> {
    const { layout } = this.#reading;
    const argsOf = (write: Write) => {
      const { task, indexOnly, afresh } = write.upsert;
      const values = layout.valuesOf(task);
      const fields = layout.fields.flatMap((name, i) => [name, values[i]!]);
      return [...this.#guardOf(write), indexOnly ? 1 : 0, afresh ? 1 : 0, ...fields];
    };
    const replies = await this.#keys.onHashes(SLOT_SCRIPTS.write, writes, (i) => argsOf(writes[i]!));
    writes.forEach((write, i) => {
      const reply = replies[i]!;
      write.outcome = reply instanceof TtsctlError ? reply : reply === 1;
    });
  }

  /** Sets the scores that aren't ours, unless the hash isn't either. */
  async #settle(written: readonly Write[]): Promise<void> {
    const found = await this.#keys.scores(written);
    const off = written.flatMap((write, i) => {
      write.outcome = errorIn(found[i]!) ?? true;
      const from = found[i] as Both<string | null>;
      const areOurs = write.scores.every((score, half) => from[half] !== null && Number(from[half]) === score);
      return write.outcome !== true || areOurs ? [] : [{ ...write, write, from }];
    });
    await this.#refuseLost(off.map(({ write }) => write));
    const ours = off.filter(({ write }) => write.outcome === true);
    await this.#keys.move(ours);
    await this.#refuseLost(ours.map(({ write }) => write));
  }

  async #refuseLost(writes: readonly Write[]): Promise<void> {
    const { layout } = this.#reading;
    const guards = await this.#checkGuards(writes, (write) => {
      const { indexOnly, task } = write.upsert;
      return indexOnly
        ? this.#guardOf(write)
        : this.#guard(layout.valuesOf(task)[layout.fields.indexOf("updated_at")]!);
    });
    writes.forEach((write, i) => {
      if (guards[i] !== 1) write.outcome = false;
    });
  }

  /** 1 if the guard holds. */
  #checkGuards(writes: readonly Write[], guardOf: (write: Write) => string[]): Promise<readonly Reply[]> {
    return this.#keys.onHashes(SLOT_SCRIPTS.write, writes, (i) => [...guardOf(writes[i]!), 1]);
  }

  #guardOf({ upsert: { seen, seenStatus } }: Write): string[] {
    return this.#guard(seen ?? "", seenStatus === undefined ? "" : `=${seenStatus}`);
  }

  #guard(seen: string, status = ""): string[] {
    return [seen, status, this.#reading.layout.payloadRules ? "1" : ""];
  }

  /** Gives our members of refused writes the scores of the hash in place. Returns the writes without one. */
  async #takeBack(refused: readonly Write[]): Promise<Write[]> {
    const due = await this.#keys.hashScores(refused);
    await this.#keys.move(
      refused.flatMap((write, i) => {
        const scores = due[i];
        return scores === undefined || Number.isNaN(scores[0]) ? [] : [{ ...write, from: write.scores, scores }];
      }),
    );
    const gone = refused.filter((_, i) => due[i] === undefined);
    await this.#remove(gone.map((write) => ({ ...write, guard: [] })));
    return gone;
  }

  /** The scores that were seen, and the time of the hash. */
  #limitsOf({ type, fields, indexScore, userScore }: RedisCopy): Both<number> {
    const time = type === "hash" ? this.#reading.parser.times.ofHash(fields.updated_at ?? "") : Number.NaN;
    const least = Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
    return [Math.max(limitOf(indexScore), least), Math.max(limitOf(userScore), least)];
  }

  /** Removes hashes, and then members and lookups. False: the guard doesn't hold, a score is higher, or there is a hash. */
  async #remove(removals: readonly Removal[]): Promise<Outcome<boolean>[]> {
    if (removals.length === 0) return [];
    const replies = await this.#keys.onHashes(SLOT_SCRIPTS.remove, removals, (i) => removals[i]!.guard);
    const without = removals.filter((_, i) => replies[i] === 1);
    const dropped = await this.#keys.drop(without);
    await this.#keys.dropLookups(without.filter((_, i) => dropped[i] === true));
    const back = await this.#putBack(without);
    return removals.map((removal, i) => {
      const reply = replies[i]!;
      if (reply !== 1) return reply instanceof TtsctlError ? reply : false;
      return removal.guard.length > 0 || (!back.has(removal) && dropped[without.indexOf(removal)]!);
    });
  }

  /** Puts members and lookups back for the tasks that have a hash by now, and returns them. */
  async #putBack(removed: readonly Removal[]): Promise<Set<Removal>> {
    const due = await this.#keys.hashScores(removed);
    const back = new Map<Removal, Scored>();
    removed.forEach((removal, i) => {
      const scores = due[i];
      if (scores !== undefined && !Number.isNaN(scores[0])) back.set(removal, { ...removal, scores });
    });
    const tasks = [...back.values()];
    if (tasks.length > 0) {
      await this.#keys.raise(tasks);
      await this.#keys.setLookups(tasks);
    }
    return new Set(back.keys());
  }
}

function open(writes: readonly Write[]): Write[] {
  return writes.filter(({ outcome }) => outcome === undefined);
}

/** A task that comes twice: the second write was decided on before the first was done. */
function refuseRepeated(writes: readonly Write[]): void {
  const taken = new Set<string>();
  for (const write of writes) {
    const name = JSON.stringify([write.userId, write.taskId]);
    if (taken.has(name)) write.outcome = false;
    taken.add(name);
  }
}

/** The highest score that a member may have to be removed, from one that was seen; without one none may. */
function limitOf(score: string | null): number {
  if (score === null) return Number.NEGATIVE_INFINITY;
  return score === "inf" ? Number.POSITIVE_INFINITY : Number(score);
}
