import type { TaskFilter } from "../../task/filter.ts";
import type { Copies } from "../purge/copies.ts";
import { copyPasses, newestCopy } from "../purge/decide.ts";

/** What is to become of one chosen task; `from` is the shown word that it has. */
export type MarkDecision =
  | { readonly kind: "mark"; readonly from: string }
  | { readonly kind: "unchanged" }
  | { readonly kind: "refuse"; readonly reason: string }
  | { readonly kind: "gone" };

export interface MarkRule {
  readonly filter: TaskFilter;
  /** The new status as shown. */
  readonly shown: string;
  /** A task that has the status already is written again: its error is another one. */
  readonly always: boolean;
}

/**
 * A task is marked on the ground of its newest copy, and only where that is the file's or the only one: over a copy that
 * Redis has newer, the mark would hide what the service wrote there.
 */
export function decideMark(copies: Copies, { filter, shown, always }: MarkRule): MarkDecision {
  const newest = newestCopy(copies);
  if (copies.file === "invalid") return refuse("the file holds an invalid record of it, which is left alone");
  if (newest === null) return { kind: "gone" };
  if (copies.file !== null && newest !== copies.file) {
    return refuse(
      `Redis has a newer copy of it (${newest.status}); \`ttsctl verify --repair\` brings it into the file`,
    );
  }
  const isChosen = copyPasses(newest, filter);
  // Chosen by an older copy in Redis: that of a mark that was stopped between the file and Redis.
  if (newest.status === shown && (!always || !isChosen)) return { kind: "unchanged" };
  if (!isChosen) return refuse(`it is ${newest.status} in the file, and was chosen by an older copy in Redis`);
  return { kind: "mark", from: newest.status };
}

function refuse(reason: string): MarkDecision {
  return { kind: "refuse", reason };
}
