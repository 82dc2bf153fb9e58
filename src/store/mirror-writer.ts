import { isRedisError, TtsctlError } from "../errors.ts";
import type { Task } from "../task/task.ts";
import type { Batches } from "./group-commit.ts";
import { LeftCopies } from "./left-copies.ts";
import { collapse, type MirrorChange, type MirrorOutcome, memberIn, toldOf } from "./mirror-change.ts";
import type { MirrorLink } from "./mirror-link.ts";
import type { Look } from "./redis/look.ts";
import { BATCH, type Mirror, type Outcome } from "./redis/mirror.ts";
import { type Removal, removeFromMirror } from "./redis/remove.ts";
import { decideWrite, writeToMirror } from "./redis/write.ts";

interface Put {
  readonly task: Task;
  /** As in MirrorChange. */
  readonly before: number;
}

/**
 * The write side of the mirror for a process that lives on: changes that the file has, in their order, guarded, those
 * that wait together in one call. Several changes of one task are one.
 */
export class MirrorWriter {
  readonly #link: MirrorLink;
  readonly #onFailure: (error: TtsctlError, count: number) => void;
  readonly #left = new LeftCopies();

  /** @param onFailure told of changes that the mirror did not take, or whose outcome is unknown */
  constructor(link: MirrorLink, onFailure: (error: TtsctlError, count: number) => void) {
    this.#link = link;
    this.#onFailure = onFailure;
  }

  /** Works on what waits, as `GroupCommit` asks for. A failure of Redis is a value. */
  async work(batches: Batches<MirrorChange, MirrorOutcome>): Promise<void> {
    const batch = await batches.next(0);
    if (batch === null) return;
    const outcomes = await this.#write([...collapse(batch.items).values()]);
    batch.settle(toldOf(batch.items, outcomes));
  }

  async #write(changes: readonly MirrorChange[]): Promise<Map<string, MirrorOutcome>> {
    const outcomes = new Map<string, MirrorOutcome>();
    for (let i = 0; i < changes.length; i += BATCH) {
      const some = changes.slice(i, i + BATCH);
      const done = await this.#writeSome(some);
      some.forEach((item, at) => {
        outcomes.set(memberIn(item), done[at]!);
      });
    }
    return outcomes;
  }

  async #writeSome(changes: readonly MirrorChange[]): Promise<MirrorOutcome[]> {
    const state = await this.#link.open();
    if (state.kind === "off") return changes.map(() => "off");
    if (state.kind === "down") return this.#failed(changes, state.error);
    try {
      return this.#noted(await this.#send(state.mirror, changes));
    } catch (error) {
      if (!isRedisError(error)) throw error;
      return this.#failed(changes, error);
    }
  }

  async #send(mirror: Mirror, changes: readonly MirrorChange[]): Promise<MirrorOutcome[]> {
    const puts = changes.flatMap(({ change, before }) =>
      change.kind === "upsert" ? [{ task: change.task, before }] : [],
    );
    const goes = changes.flatMap(({ change, before }) => (change.kind === "remove" ? [{ id: change.id, before }] : []));
    const written = (await this.#put(mirror, puts))[Symbol.iterator]();
    const removed = (await this.#remove(mirror, goes))[Symbol.iterator]();
    return changes.map(({ change }) => (change.kind === "upsert" ? written : removed).next().value as MirrorOutcome);
  }

  async #put(mirror: Mirror, puts: readonly Put[]): Promise<MirrorOutcome[]> {
    const tasks = puts.map(({ task }) => task);
    const replaced = puts.map(({ before }) => before / 1e6);
    const outcomes = await writeToMirror(mirror, tasks, { looks: await this.#looks(mirror, puts), replaced });
    return outcomes.map((outcome, i) => {
      this.#left.note(tasks[i]!, outcome === "written" ? tasks[i]!.updatedAt : null);
      return outcome === "mended" ? "unchanged" : outcome;
    });
  }

  async #remove(mirror: Mirror, removals: readonly Removal[]): Promise<MirrorOutcome[]> {
    for (const { id } of removals) this.#left.note(id, null);
    return removeFromMirror(mirror, removals);
  }

  /** A guess is taken only where it leads to a write, whose guard checks it. */
  async #looks(mirror: Mirror, puts: readonly Put[]): Promise<Outcome<Look>[]> {
    const guesses = puts.map(({ task, before }) => {
      const guess = this.#left.guess(task, before);
      if (guess === null) return null;
      return decideWrite(task.score, guess, mirror.times, false, before / 1e6) === "write" ? guess : null;
    });
    const asked = puts.filter((_, i) => guesses[i] === null).map(({ task }) => task);
    const looks = (await mirror.look(asked))[Symbol.iterator]();
    return guesses.map((guess) => guess ?? (looks.next().value as Outcome<Look>));
  }

  #failed(changes: readonly MirrorChange[], error: TtsctlError): MirrorOutcome[] {
    this.#onFailure(error, changes.length);
    return changes.map(() => error);
  }

  /** Failures of single tasks, such as a key of the wrong type. */
  #noted(outcomes: MirrorOutcome[]): MirrorOutcome[] {
    const errors = outcomes.filter((outcome) => outcome instanceof TtsctlError);
    if (errors.length > 0) this.#onFailure(errors[0]!, errors.length);
    return outcomes;
  }
}
