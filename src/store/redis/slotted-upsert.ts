import { TtsctlError } from "../../errors.ts";
import type { TimeReader } from "../../task/time.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import type { Outcome, Upsert } from "./copies.ts";
import type { Layout } from "./layout.ts";
import type { Script } from "./script.ts";
import { runForEach } from "./script-run.ts";
import { type Place, placesOf, type SlottedIndexes, unlessFatal } from "./slotted-indexes.ts";
import type { SlottedLookups } from "./slotted-lookups.ts";
import type { SlottedRemoval } from "./slotted-remove.ts";
import { hashScripts } from "./slotted-scripts.ts";

/** A write on its way through the steps. */
interface Step {
  readonly upsert: Upsert;
  readonly key: string;
  readonly places: readonly [Place, Place];
  outcome: Outcome<boolean> | undefined;
  /** Scores of the places that are above ours; null where they are ours. */
  above: readonly (string | null)[];
}

/**
 * Guarded writes in a cluster (SPEC section 10), in steps that each are one round trip:
 *
 * 1. look at the guards and at the types of the indexes, so that what would be refused leaves nothing behind;
 * 2. raise both scores to ours (`ZADD GT`); 3. write the hash if its guard still holds;
 * 4. where a score was above ours though the hash is ours, set it, and take that back if the hash is no longer ours;
 * 5. in a layout with lookups, lead them to the task.
 *
 * A kill after 2 leaves a dangling member or a score that is too high. Beside a service that writes hash, index, index
 * without a lock, with a later time: if its hash comes before 3, ours is refused, and whichever score comes first, the
 * higher stays; if it comes after 3, so do its scores, and they are set over ours. In 4 a score is set only if it still is
 * the one that was seen in 2; a service that sets the same one wrote its hash before, which the last look shows. What
 * was refused in 3 has its scores of 2 taken back: set to the time of the hash there is, or removed where there is none.
 */
export class SlottedUpsert {
  readonly #commands: RedisCommands;
  readonly #layout: Layout;
  readonly #indexes: SlottedIndexes;
  readonly #removal: SlottedRemoval;
  readonly #lookups: SlottedLookups;
  readonly #times: TimeReader;

  constructor(
    commands: RedisCommands,
    layout: Layout,
    parts: { indexes: SlottedIndexes; lookups: SlottedLookups; removal: SlottedRemoval; times: TimeReader },
  ) {
    this.#commands = commands;
    this.#layout = layout;
    this.#indexes = parts.indexes;
    this.#removal = parts.removal;
    this.#lookups = parts.lookups;
    this.#times = parts.times;
  }

  async run(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    const steps = upserts.map((upsert): Step => {
      const { userId, taskId } = upsert.task;
      const key = this.#layout.taskKey(userId, taskId);
      return { upsert, key, places: placesOf(this.#layout, upsert.task), outcome: undefined, above: [] };
    });
    refuseRepeated(steps);
    await this.#look(open(steps));
    await this.#raise(open(steps));
    const tried = open(steps);
    await this.#write(tried);
    await this.#lower(tried.filter(({ outcome, above }) => outcome === true && above.some((score) => score !== null)));
    await this.#takeBack(tried.filter(({ outcome }) => outcome === false));
    await this.#lookups.set(tried.flatMap(({ outcome, upsert }) => (outcome === true ? [upsert.task] : [])));
    return steps.map(({ outcome }) => outcome!);
  }

  async #look(steps: readonly Step[]): Promise<void> {
    const places = steps.flatMap((step) => step.places);
    const [guards, scores, lookups] = await Promise.all([
      this.#runOnHashes(hashScripts(this.#layout).guard, steps, guardOf),
      this.#indexes.scores(places),
      this.#lookups.wrongTypes(steps.map(({ upsert }) => upsert.task)),
    ]);
    steps.forEach((step, i) => {
      const found = [scores[i * 2], guards[i], scores[i * 2 + 1], lookups[i]];
      const wrong = found.find((item) => item instanceof TtsctlError);
      if (wrong !== undefined) step.outcome = wrong as TtsctlError;
      else if (guards[i] !== 1) step.outcome = false;
    });
  }

  async #raise(steps: readonly Step[]): Promise<void> {
    const places = steps.flatMap((step) => step.places.map((place) => ({ ...place, score: step.upsert.task.score })));
    const raised = await this.#indexes.raise(places);
    steps.forEach((step, i) => {
      const both = raised.slice(i * 2, i * 2 + 2);
      const wrong = both.find((found) => found instanceof TtsctlError);
      if (wrong !== undefined) step.outcome = wrong as TtsctlError;
      else step.above = both as (string | null)[];
    });
  }

  async #write(steps: readonly Step[]): Promise<void> {
    const replies = await this.#runOnHashes(hashScripts(this.#layout).write, steps, (step) => [
      ...guardOf(step),
      step.upsert.indexOnly ? 1 : 0,
      step.upsert.afresh ? 1 : 0,
      ...this.#layout.valuesOf(step.upsert.task),
    ]);
    steps.forEach((step, i) => {
      const reply = replies[i]!;
      step.outcome = reply instanceof TtsctlError ? reply : reply === 1;
    });
  }

  async #lower(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    const moves = steps.flatMap(({ places, above, upsert }) =>
      above.flatMap((score, i) => (score === null ? [] : [{ ...places[i]!, from: score, to: upsert.task.score }])),
    );
    await this.#indexes.move(moves);
    const guards = await this.#runOnHashes(hashScripts(this.#layout).guard, steps, (step) => this.#ownGuard(step));
    const lost = steps.filter((_, i) => guards[i] !== 1);
    const back = lost.flatMap(({ places, above, upsert }) =>
      above.flatMap((score, i) => (score === null ? [] : [{ ...places[i]!, from: upsert.task.score, to: score }])),
    );
    if (back.length > 0) await this.#indexes.move(back);
    for (const step of lost) step.outcome = false;
  }

  /** What the hash holds after our write. */
  #ownGuard(step: Step): [string, string] {
    if (step.upsert.indexOnly) return guardOf(step);
    return [this.#layout.timeTextOf(step.upsert.task), ""];
  }

  async #takeBack(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    const replies = await this.#commands.pipeline(steps.map(({ key }) => ["HGET", key, "updated_at"]));
    const moves: (Place & { from: number; to: number })[] = [];
    steps.forEach(({ upsert, places }, i) => {
      const score = this.#times.ofHash(typeof replies[i] === "string" ? replies[i] : "");
      if (score < upsert.task.score)
        moves.push(...places.map((place) => ({ ...place, from: upsert.task.score, to: score })));
    });
    if (moves.length > 0) await this.#indexes.move(moves);
    const gone = steps.filter((_, i) => replies[i] === null);
    await this.#removal.dropMembers(
      gone.map(({ upsert: { task } }) => ({ id: task, limits: [task.score, task.score] })),
    );
  }

  async #runOnHashes(
    script: Script,
    steps: readonly Step[],
    argsOf: (step: Step) => readonly (string | number)[],
  ): Promise<Reply[]> {
    const runs = steps.map((step) => ({ keys: [step.key], args: argsOf(step) }));
    return (await runForEach(this.#commands, script, runs)).map(unlessFatal);
  }
}

function open(steps: readonly Step[]): Step[] {
  return steps.filter(({ outcome }) => outcome === undefined);
}

function guardOf({ upsert: { seen, seenStatus } }: Step): [string, string] {
  return [seen ?? "", seenStatus === undefined ? "" : `=${seenStatus}`];
}

/** A task that comes twice: the second was decided on before the first was written. */
function refuseRepeated(steps: readonly Step[]): void {
  const taken = new Set<string>();
  for (const step of steps) {
    if (taken.has(step.key)) step.outcome = false;
    taken.add(step.key);
  }
}
