import { TtsctlError } from "../../errors.ts";
import type { RecordParser } from "../../task/parse.ts";
import type { Task } from "../../task/task.ts";
import type { TaskId } from "../task-source.ts";
import type { Command, RedisCommands, Reply } from "./commands.ts";
import type { Expected, GuardedRemoval, MirrorCopies, Outcome, Upsert } from "./copies.ts";
import { type Inspection, inspectionOf } from "./inspection.ts";
import { type Layout, stateNames } from "./layout.ts";
import { type Look, lookOf } from "./look.ts";
import { runForEach } from "./script-run.ts";
import { layoutScripts } from "./scripts.ts";
import { type SeenCopy, seenCopyOf } from "./seen-copy.ts";
import { placesOf, SlottedIndexes, unlessFatal } from "./slotted-indexes.ts";
import { SlottedLookups } from "./slotted-lookups.ts";
import { SlottedRemoval } from "./slotted-remove.ts";
import { hashScripts } from "./slotted-scripts.ts";
import { SlottedUpsert } from "./slotted-upsert.ts";

/**
 * Copies in a cluster, where a hash and its two index members live in different slots: no script sees them together. What
 * is looked at is no single moment, so whatever is decided on it is guarded where it is done (`slotted-upsert.ts`,
 * `slotted-remove.ts`).
 */
export class SlottedCopies implements MirrorCopies {
  readonly #commands: RedisCommands;
  readonly #layout: Layout;
  readonly #parser: RecordParser;
  readonly #indexes: SlottedIndexes;
  readonly #lookups: SlottedLookups;
  readonly #removal: SlottedRemoval;
  readonly #upsert: SlottedUpsert;

  constructor(commands: RedisCommands, layout: Layout, parser: RecordParser) {
    this.#commands = commands;
    this.#layout = layout;
    this.#parser = parser;
    this.#indexes = new SlottedIndexes(commands);
    this.#lookups = new SlottedLookups(commands, layout);
    const parts = { indexes: this.#indexes, lookups: this.#lookups, times: parser.times };
    this.#removal = new SlottedRemoval(commands, layout, parts);
    this.#upsert = new SlottedUpsert(commands, layout, { ...parts, removal: this.#removal });
  }

  async look(ids: readonly Expected[]): Promise<Outcome<Look>[]> {
    const [times, scores] = await Promise.all([
      this.#onHashes(ids, (key) => ["HGET", key, "updated_at"]),
      this.#scores(ids),
    ]);
    const needsPayload = (i: number) => !times[i] || (this.#layout.payloadRules && typeof times[i] === "string");
    const partial = ids.filter((_, i) => needsPayload(i));
    const found = (await this.#onHashes(partial, (key) => ["HGET", key, "payload"]))[Symbol.iterator]();
    const says = await this.#says(ids, scores);
    const created = await this.#created(ids);
    return ids.map((_, i) => {
      const payload = needsPayload(i) ? (found.next().value as Reply) : null;
      return lookOf([times[i]!, payload, ...scores[i]!, says[i]!, created[i]!], this.#layout, this.#parser);
    });
  }

  async see(ids: readonly TaskId[]): Promise<Outcome<SeenCopy>[]> {
    const [fields, exist, scores, named] = await Promise.all([
      this.#onHashes(ids, (key) => ["HMGET", key, ...stateNames(this.#layout)]),
      this.#onHashes(ids, (key) => ["EXISTS", key]),
      this.#scores(ids),
      this.#lookups.names(ids),
    ]);
    return ids.map((_, i) => {
      const hash = fields[i]!;
      if (hash instanceof TtsctlError) return hash;
      const [status, updatedAt, payload = null] = hash as Reply[];
      return seenCopyOf([exist[i]!, status!, updatedAt!, ...scores[i]!, payload, named[i] ? 1 : null]);
    });
  }

  async matches(tasks: readonly Task[]): Promise<boolean[]> {
    const runs = tasks.map((task) => ({ keys: [this.#keyOf(task)], args: this.#layout.valuesOf(task) }));
    const replies = await runForEach(this.#commands, layoutScripts(this.#layout).match, runs);
    return replies.map((reply) => unlessFatal(reply) === "1");
  }

  async inspect(ids: readonly TaskId[]): Promise<Inspection[]> {
    const [hashes, scores] = await Promise.all([
      runForEach(
        this.#commands,
        hashScripts(this.#layout).inspect,
        ids.map((id) => ({ keys: [this.#keyOf(id)], args: [] })),
      ),
      this.#scores(ids),
    ]);
    const says = await this.#says(ids, scores);
    return ids.map((_, i) => {
      const [global, own] = scores[i]!;
      if (hashes[i] instanceof TtsctlError) throw hashes[i];
      if (global instanceof TtsctlError) throw global;
      const lookup = says[i] instanceof TtsctlError ? "wrong" : says[i]!;
      const items = [...(hashes[i] as Reply[]), global, own instanceof TtsctlError ? null : own, lookup];
      return inspectionOf(items, this.#layout);
    });
  }

  upsert(upserts: readonly Upsert[]): Promise<Outcome<boolean>[]> {
    return this.#upsert.run(upserts);
  }

  remove(removals: readonly GuardedRemoval[]): Promise<Outcome<boolean>[]> {
    return this.#removal.run(removals);
  }

  /** What the lookups say of tasks with these scores in the global index. */
  #says(ids: readonly TaskId[], scores: readonly (readonly Reply[])[]): Promise<Reply[]> {
    const scored = ids.map(({ userId, taskId }, i) => {
      const global = scores[i]![0];
      return { userId, taskId, score: typeof global === "string" ? Number(global) : Number.NEGATIVE_INFINITY };
    });
    return this.#lookups.says(scored);
  }

  #keyOf({ userId, taskId }: TaskId): string {
    return this.#layout.taskKey(userId, taskId);
  }

  /** The `created_at` of each hash, where that scores the user's index. */
  async #created(ids: readonly TaskId[]): Promise<Reply[]> {
    if (this.#layout.userScoredBy === "updated_at") return ids.map(() => null);
    return this.#onHashes(ids, (key) => ["HGET", key, "created_at"]);
  }

  async #onHashes(ids: readonly TaskId[], command: (key: string) => Command): Promise<Reply[]> {
    return (await this.#commands.pipeline(ids.map((id) => command(this.#keyOf(id))))).map(unlessFatal);
  }

  /** The scores of each task in the global index and in its user's. */
  async #scores(ids: readonly TaskId[]): Promise<[Reply, Reply][]> {
    const scores = await this.#indexes.scores(ids.flatMap((id) => placesOf(this.#layout, id)));
    return ids.map((_, i) => [scores[i * 2]!, scores[i * 2 + 1]!]);
  }
}
