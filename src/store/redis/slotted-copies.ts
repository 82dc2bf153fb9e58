import { TtsctlError } from "../../errors.ts";
import type { RecordParser } from "../../task/parse.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import type { RedisCommands, Reply } from "./commands.ts";
import type { GuardedRemoval, MirrorCopies, Outcome, Upsert } from "./copies.ts";
import { type CopyView, copyOf, fieldsOf, type RedisCopy } from "./copy.ts";
import type { Layout } from "./layout.ts";
import { SCRIPTS, SLOT_SCRIPTS } from "./scripts.ts";
import { placesOf, SlottedIndexes, unlessFatal } from "./slotted-indexes.ts";
import { SlottedLookups } from "./slotted-lookups.ts";
import { SlottedRemoval } from "./slotted-remove.ts";
import { SlottedUpsert } from "./slotted-upsert.ts";

/**
 * Copies in a cluster, where a hash and its two index members live in different slots: no script sees them together. What
 * is looked at is no single moment, so whatever is decided on it is guarded where it is done (`slotted-upsert.ts`,
 * `slotted-remove.ts`).
 */
export class SlottedCopies implements MirrorCopies {
  readonly #commands: RedisCommands;
  readonly #layout: Layout;
  readonly #indexes: SlottedIndexes;
  readonly #lookups: SlottedLookups;
  readonly #removal: SlottedRemoval;
  readonly #upsert: SlottedUpsert;

  constructor(commands: RedisCommands, layout: Layout, parser: RecordParser) {
    this.#commands = commands;
    this.#layout = layout;
    this.#indexes = new SlottedIndexes(commands);
    this.#lookups = new SlottedLookups(commands, layout);
    const parts = { indexes: this.#indexes, lookups: this.#lookups, times: parser.times };
    this.#removal = new SlottedRemoval(commands, layout, parts);
    this.#upsert = new SlottedUpsert(commands, layout, { ...parts, removal: this.#removal });
  }

  async read(ids: readonly TaskId[], view: CopyView): Promise<Outcome<RedisCopy>[]> {
    const names = fieldsOf(view, this.#layout);
    const runs = ids.map((id) => ({ keys: [this.#keyOf(id)], args: [view, ...names] }));
    const [hashes, scores] = await Promise.all([this.#commands.scripts(SLOT_SCRIPTS.hash, runs), this.#scores(ids)]);
    const lookups = await this.#lookupStates(ids, scores);
    return ids.map((_, i) => {
      const hash = unlessFatal(hashes[i]!);
      if (hash instanceof TtsctlError) return hash;
      return copyOf(hash as Reply[], [...scores[i]!, lookups[i]!], names, view);
    });
  }

  async matches(tasks: readonly Task[]): Promise<boolean[]> {
    const { fields } = this.#layout;
    const runs = tasks.map((task) => {
      return { keys: [this.#keyOf(task)], args: [fields.length, ...fields, ...this.#layout.valuesOf(task)] };
    });
    const replies = await this.#commands.scripts(SCRIPTS.matches, runs);
    return replies.map((reply) => unlessFatal(reply) === "1");
  }

  upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    return this.#upsert.run(upserts);
  }

  remove(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    return this.#removal.run(removals);
  }

  /** What the lookups say; a lookup of the wrong type says nothing right. */
  async #lookupStates(ids: readonly TaskId[], scores: readonly (readonly Reply[])[]): Promise<Reply[]> {
    const scored = ids.map(({ userId, taskId }, i) => {
      const global = scores[i]![0];
      return { userId, taskId, score: typeof global === "string" ? Number(global) : Number.NEGATIVE_INFINITY };
    });
    const states = await this.#lookups.says(scored);
    return states.map((state) => (state instanceof TtsctlError ? "wrong" : state));
  }

  #keyOf({ userId, taskId }: TaskId): string {
    return this.#layout.taskKey(userId, taskId);
  }

  /** The scores of each task in the global index and in its user's. */
  async #scores(ids: readonly TaskId[]): Promise<[Reply, Reply][]> {
    const scores = await this.#indexes.scores(ids.flatMap((id) => placesOf(this.#layout, id)));
    return ids.map((_, i) => [scores[i * 2]!, scores[i * 2 + 1]!]);
  }
}
