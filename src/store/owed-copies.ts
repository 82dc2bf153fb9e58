import { toMicros } from "../task/time.ts";
import { idOf } from "./file/batch-plan.ts";
import { keyIn, type MirrorChange, type MirrorOutcome, newest } from "./mirror-change.ts";
import type { Removal } from "./redis/remove.ts";

/** How many copies are remembered. */
const REMEMBERED = 100_000;

/**
 * Copies that a sync cannot set right, for it never removes one or goes back in time: where the mirror did not take a
 * removal, or a record that is no newer than the one before it; or took it while a sync was under way, which may write
 * afterwards what it read before.
 */
export class OwedCopies {
  readonly #owed = new Map<string, Removal>();
  readonly #warn: (line: string) => void;
  #syncs = 0;

  /** @param warn told where there are more than can be remembered, one line */
  constructor(warn: (line: string) => void) {
    this.#warn = warn;
  }

  syncBegins(): void {
    this.#syncs++;
  }

  syncEnds(): void {
    this.#syncs--;
  }

  get isEmpty(): boolean {
    return this.#owed.size === 0;
  }

  /** What is owed: the copy of each task should be as the file is now, if it is no newer than `before`. */
  get all(): Removal[] {
    return [...this.#owed.values()];
  }

  /** A change, with which also goes what is owed of its task. */
  with(item: MirrorChange): MirrorChange {
    const owed = this.#owed.get(keyIn(item));
    return owed === undefined ? item : { change: item.change, before: newest(item.before, owed.before) };
  }

  /** Takes note of what became of a change. */
  note(item: MirrorChange, outcome: MirrorOutcome): void {
    const key = keyIn(item);
    this.#owed.delete(key);
    if (outcome === "off" || !goesBack(item)) return;
    if (typeof outcome === "string" && this.#syncs === 0) return;
    this.#owed.set(key, { id: idOf(item.change), before: item.before });
    if (this.#owed.size > REMEMBERED) this.#forgetAll();
  }

  #forgetAll(): void {
    this.#owed.clear();
    this.#warn(`more than ${REMEMBERED} removals wait for Redis and are forgotten: run \`ttsctl sync --prune\``);
  }
}

/** What no record went before has no time that could guard a removal later. */
function goesBack({ change, before }: MirrorChange): boolean {
  return change.kind === "remove" ? !Number.isNaN(before) : before >= toMicros(change.task.score);
}
