import { TtsctlError } from "../../errors.ts";
import { keyOf } from "../../task/ids.ts";
import { type CopyView, copyOf, fieldsOf, type RedisCopy } from "../layout/copy.ts";
import { type CopyReading, stateNames } from "../layout/layout.ts";
import type { TaskId } from "../task-source.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import { type GuardedRemoval, type MirrorCopies, type Outcome, scoresOf, type Upsert } from "./copies.ts";
import { SLOT_SCRIPTS } from "./scripts.ts";
import { type Both, errorIn, type Scored, SlottedKeys } from "./slotted-keys.ts";

interface Write extends Scored {
  readonly upsert: Upsert;
  outcome: Outcome<boolean> | undefined;
}

/** How often members that another process changes are read again. */
const MOST_ROUNDS = 8;

/**
 * Copies in a cluster (docs/contract.md, Deployments), where no script sees a hash and its index members together: they
 * are in different slots. Only the hash is guarded.
 *
 * A write checks the guard and the types of its keys, raises both scores to ours (`ZADD GT`), and writes the hash if its guard
 * still holds. A removal removes the hash if its guard holds. Then both make the members and the lookup fit the hash
 * (`#reindex`). A kill in between leaves a member without a hash, or a score that is too high. A service, without a lock,
 * writes the hash first and then the members, so a hash that is unchanged after the members were set shows that they fit.
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

  async upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    const writes = upserts.map((upsert): Write => {
      const { userId, taskId } = upsert.task;
      return { userId, taskId, scores: scoresOf(upsert, this.#reading), upsert, outcome: undefined };
    });
    refuseRepeated(writes);
    await this.#check(open(writes));
    const begun = open(writes);
    for (const write of begun) if (write.upsert.indexOnly) write.outcome = true;
    await this.#raise(open(writes));
    await this.#write(open(writes));
    for (const [i, hasHash] of (await this.#reindex(begun)).entries()) {
      const write = begun[i]!;
      if (write.outcome === true && hasHash instanceof TtsctlError) write.outcome = hasHash;
    }
    return writes.map(({ outcome }) => outcome!);
  }

  async remove(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    const names = stateNames(this.#reading.layout);
    const scores = await this.#keys.scores(removals.map(({ id }) => id));
    const outcomes = removals.map(({ copy }, i): Outcome<boolean> => {
      const isSame = copy.type === "hash" || (scores[i]![0] === copy.indexScore && scores[i]![1] === copy.userScore);
      return errorIn(scores[i]!) ?? isSame;
    });
    const due = [...removals.keys()].filter((i) => outcomes[i] === true);
    const ids = due.map((i) => removals[i]!.id);
    const replies = await this.#keys.onHashes(SLOT_SCRIPTS.remove, ids, (at) => {
      const { type, fields } = removals[due[at]!]!.copy;
      return type === "hash" ? names.flatMap((name) => [name, fields[name] ?? ""]) : [];
    });
    const gone = due.filter((i, at) => {
      const reply = replies[at]!;
      outcomes[i] = reply instanceof TtsctlError ? reply : reply === 1;
      return reply === 1;
    });
    const found = await this.#reindex(gone.map((i) => removals[i]!.id));
    for (const [at, i] of gone.entries()) if (removals[i]!.copy.type !== "hash") outcomes[i] = found[at] === false;
    return outcomes;
  }

  /** Checks the guards, and the types of indexes and lookups, so a refused write leaves nothing behind. */
  async #check(writes: readonly Write[]): Promise<void> {
    const [guards, scores, lookups] = await Promise.all([
      this.#keys.onHashes(SLOT_SCRIPTS.write, writes, (i) => [...this.#guardOf(writes[i]!), 1]),
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
    const replies = await this.#keys.onHashes(SLOT_SCRIPTS.write, writes, (i) => {
      const { task, afresh } = writes[i]!.upsert;
      const values = layout.valuesOf(task);
      const fields = layout.fields.flatMap((name, at) => [name, values[at]!]);
      return [...this.#guardOf(writes[i]!), "", afresh ? 1 : 0, ...fields];
    });
    writes.forEach((write, i) => {
      const reply = replies[i]!;
      write.outcome = reply instanceof TtsctlError ? reply : reply === 1;
    });
  }

  #guardOf({ upsert: { seen, seenStatus } }: Write): string[] {
    const status = seenStatus === undefined ? "" : `=${seenStatus}`;
    return [seen ?? "", status, this.#reading.layout.payloadRules ? "1" : ""];
  }

  /**
   * Has members and lookups fit the hashes: sets them, or removes those of a task without a hash, until a look finds nothing to
   * change. Scores are read before the hash, so what a service writes after that isn't overwritten.
   * @returns whether each task has a hash
   */
  async #reindex(ids: readonly TaskId[]): Promise<Outcome<boolean>[]> {
    const outcomes: Outcome<boolean>[] = ids.map(() => false);
    let due = [...ids.keys()];
    for (let round = 0; due.length > 0 && round < MOST_ROUNDS; round++) {
      const some = due.map((i) => ids[i]!);
      const scores = await this.#keys.scores(some);
      const fitting = await this.#keys.fitting(some);
      const lookups = await this.#keys.lookups(
        some.map((id, at): Scored => ({ ...id, scores: fitting[at] ?? [Number.NEGATIVE_INFINITY, Number.NaN] })),
      );
      const moves = some.flatMap((id, at) => {
        const [from, to] = [scores[at]!, fitting[at]];
        return to === undefined || isThere(from, to) ? [] : [{ ...id, from, to, at }];
      });
      await this.#keys.move(moves);
      const wrong = some.flatMap((id, at) => {
        const [lookup, isKept] = [lookups[at]!, fitting[at] != null];
        if (lookup instanceof TtsctlError || fitting[at] === undefined) return [];
        return lookup.says === (isKept ? "wrong" : "own") ? [{ id, holds: lookup.holds, isKept, at }] : [];
      });
      if (wrong.length > 0) await this.#keys.setLookups(wrong);
      due.forEach((i, at) => {
        outcomes[i] = errorIn([...scores[at]!, lookups[at]]) ?? fitting[at] !== null;
      });
      const changed = new Set([...moves, ...wrong].map(({ at }) => at));
      due = due.filter((i, at) => changed.has(at) && !(outcomes[i] instanceof TtsctlError));
    }
    return outcomes;
  }
}

/** Whether members have these scores, or with null don't exist. */
function isThere(from: Both<Outcome<string | null>>, to: Both<number> | null): boolean {
  return from.every((score, half) => {
    if (to === null || typeof score !== "string") return score === null && to === null;
    return Number(score) === to[half];
  });
}

function open(writes: readonly Write[]): Write[] {
  return writes.filter(({ outcome }) => outcome === undefined);
}

/** A task that comes twice: the second write was decided on before the first was done. */
function refuseRepeated(writes: readonly Write[]): void {
  const taken = new Set<string>();
  for (const write of writes) {
    const name = keyOf(write);
    if (taken.has(name)) write.outcome = false;
    taken.add(name);
  }
}
