import { TtsctlError } from "../../errors.ts";
import type { TimeReader } from "../../task/time.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import { type Outcome, scoresOf, type Upsert } from "./copies.ts";
import type { Layout } from "./layout.ts";
import type { Script } from "./script.ts";
import { SLOT_SCRIPTS } from "./scripts.ts";
import { type Place, placesOf, type SlottedIndexes, scoresOfHash, unlessFatal } from "./slotted-indexes.ts";
import type { SlottedLookups } from "./slotted-lookups.ts";
import type { SlottedRemoval } from "./slotted-remove.ts";

/** A write on its way through the steps. */
interface Step {
  readonly upsert: Upsert;
  readonly key: string;
  /** With the scores that they are to have. */
  readonly places: readonly (Place & { readonly score: number })[];
  outcome: Outcome<boolean> | undefined;
}

/** A place whose score is not ours, and what it is; null for no member. */
interface Off {
  readonly step: Step;
  readonly place: Place & { readonly score: number };
  readonly found: string | null;
}

/**
 * Guarded writes in a cluster (SPEC section 10), in steps that each are one round trip:
 *
 * 1. look at the guards and at the types of the indexes, so that what would be refused leaves nothing behind;
 * 2. raise both scores to ours (`ZADD GT`); 3. write the hash if its guard still holds;
 * 4. look at both scores again, and where one is not ours though the hash is, set it; then look whether the hash still is;
 * 5. in a layout with lookups, lead them to the task.
 *
 * A kill after 2 leaves a dangling member or a score that is too high. Beside a service that writes hash, index, index
 * without a lock, with a later time: if its hash comes before 3, ours is refused, and whichever score comes first, the
 * higher stays; if it comes after 3, so do its scores, and they are set over ours. Who sets a score wrote the hash before: so
 * the look at the hash in 4, after the scores, tells whose they are, and they are set only if they still are what was seen.
 * A removal that found no hash yet may have taken our members of 2 before 3: they are put in again. What was refused has our
 * scores follow the hash there is: they get its time, or are removed where there is none. A hash that was written in 3
 * and is gone in 4 was written, and removed since.
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
      const scores = scoresOf(upsert, this.#layout);
      const places = placesOf(this.#layout, upsert.task).map((place, i) => ({ ...place, score: scores[i]! }));
      return { upsert, key, places, outcome: undefined };
    });
    refuseRepeated(steps);
    await this.#look(open(steps));
    await this.#raise(open(steps));
    const tried = open(steps);
    await this.#write(tried);
    const written = tried.filter(({ outcome }) => outcome === true);
    await this.#settle(written);
    const gone = await this.#takeBack(tried.filter(({ outcome }) => outcome === false));
    for (const step of gone) if (written.includes(step)) step.outcome = true;
    await this.#lookUp(written.filter((step) => step.outcome === true && !gone.includes(step)));
    return steps.map(({ outcome }) => outcome!);
  }

  async #look(steps: readonly Step[]): Promise<void> {
    const places = steps.flatMap((step) => step.places);
    const [guards, scores, lookups] = await Promise.all([
      this.#runOnHashes(SLOT_SCRIPTS.guard, steps, (step) => this.#guardOf(step)),
      this.#indexes.scores(places),
      this.#lookups.wrongTypes(steps.map(({ upsert }) => upsert.task)),
    ]);
    steps.forEach((step, i) => {
      const found = [scores[i * 2], guards[i], scores[i * 2 + 1], lookups[i]];
      step.outcome = errorIn(found) ?? (guards[i] === 1 ? undefined : false);
    });
  }

  async #raise(steps: readonly Step[]): Promise<void> {
    const raised = await this.#indexes.raise(steps.flatMap((step) => step.places));
    steps.forEach((step, i) => {
      step.outcome = errorIn(raised.slice(i * 2, i * 2 + 2));
    });
  }

  async #write(steps: readonly Step[]): Promise<void> {
    const replies = await this.#runOnHashes(SLOT_SCRIPTS.write, steps, (step) => {
      const values = this.#layout.valuesOf(step.upsert.task);
      const how = [step.upsert.indexOnly ? 1 : 0, step.upsert.afresh ? 1 : 0];
      return [...this.#guardOf(step), ...how, ...this.#layout.fields.flatMap((name, i) => [name, values[i]!])];
    });
    steps.forEach((step, i) => {
      const reply = replies[i]!;
      step.outcome = reply instanceof TtsctlError ? reply : reply === 1;
    });
  }

  async #settle(written: readonly Step[]): Promise<void> {
    const scores = await this.#indexes.scores(written.flatMap(({ places }) => places));
    const off = written.flatMap((step, i): Off[] => {
      const [global, own] = scores.slice(i * 2, i * 2 + 2);
      const wrong = errorIn([global, own]);
      if (wrong !== undefined) {
        step.outcome = wrong;
        return [];
      }
      const both = [global, own] as (string | null)[];
      return step.places.flatMap((place, at) => (isOurs(place, both[at]!) ? [] : [{ step, place, found: both[at]! }]));
    });
    await this.#refuseLost(off);
    const ours = off.filter(({ step }) => step.outcome === true);
    await this.#set(ours);
    await this.#refuseLost(ours);
  }

  async #set(off: readonly Off[]): Promise<void> {
    const moves = off.flatMap(({ place, found }) =>
      found === null ? [] : [{ ...place, from: found, to: place.score }],
    );
    const missing = off.filter(({ found }) => found === null);
    await Promise.all([this.#indexes.move(moves), this.#indexes.raise(missing.map(({ place }) => place))]);
  }

  async #refuseLost(off: readonly Off[]): Promise<void> {
    const steps = [...new Set(off.map(({ step }) => step))];
    const guards = await this.#runOnHashes(SLOT_SCRIPTS.guard, steps, (step) => this.#ownGuard(step));
    steps.forEach((step, i) => {
      if (guards[i] !== 1) step.outcome = false;
    });
  }

  /** What the hash holds after our write. */
  #ownGuard(step: Step): string[] {
    if (step.upsert.indexOnly) return this.#guardOf(step);
    return [this.#layout.timeTextOf(step.upsert.task), "", this.#payloadRules];
  }

  #guardOf({ upsert: { seen, seenStatus } }: Step): string[] {
    return [seen ?? "", seenStatus === undefined ? "" : `=${seenStatus}`, this.#payloadRules];
  }

  get #payloadRules(): string {
    return this.#layout.payloadRules ? "1" : "";
  }

  /** Has our scores of what was refused follow the hash there is. Returns those that have none. */
  async #takeBack(steps: readonly Step[]): Promise<Step[]> {
    if (steps.length === 0) return [];
    const replies = await this.#commands.pipeline(steps.map(({ key }) => ["HMGET", key, "updated_at", "created_at"]));
    const moves: (Place & { from: number; to: number })[] = [];
    steps.forEach(({ places }, i) => {
      const scores = scoresOfHash(replies[i]!, this.#layout, this.#times);
      places.forEach((place, at) => {
        const to = scores[at]!;
        if (!Number.isNaN(to) && to !== place.score) moves.push({ ...place, from: place.score, to });
      });
    });
    if (moves.length > 0) await this.#indexes.move(moves);
    const gone = steps.filter((_, i) => Array.isArray(replies[i]) && replies[i][0] === null);
    await this.#removal.dropMembers(
      gone.map(({ upsert: { task }, places: [global, own] }) => ({ id: task, limits: [global!.score, own!.score] })),
    );
    return gone;
  }

  async #lookUp(steps: readonly Step[]): Promise<void> {
    const wrong = await this.#lookups.set(steps.map(({ upsert }) => upsert.task));
    for (const step of steps) step.outcome = wrong.get(step.upsert.task.taskId) ?? true;
  }

  async #runOnHashes(
    script: Script,
    steps: readonly Step[],
    argsOf: (step: Step) => readonly (string | number)[],
  ): Promise<Reply[]> {
    const runs = steps.map((step) => ({ keys: [step.key], args: argsOf(step) }));
    return (await this.#commands.scripts(script, runs)).map(unlessFatal);
  }
}

function open(steps: readonly Step[]): Step[] {
  return steps.filter(({ outcome }) => outcome === undefined);
}

function isOurs(place: { readonly score: number }, score: string | null): boolean {
  return score !== null && Number(score) === place.score;
}

function errorIn(items: readonly unknown[]): TtsctlError | undefined {
  return items.find((item) => item instanceof TtsctlError);
}

/** A task that comes twice: the second was decided on before the first was written. */
function refuseRepeated(steps: readonly Step[]): void {
  const taken = new Set<string>();
  for (const step of steps) {
    if (taken.has(step.key)) step.outcome = false;
    taken.add(step.key);
  }
}
