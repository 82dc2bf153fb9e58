import type { Clock } from "../../clock.ts";
import type { FileIdentity } from "./identity.ts";

/** Beside somebody who wrote within this time a change is watched: it may be undone (SPEC section 2). Seconds. */
export const LATELY_S = 60;

/**
 * How a lock file names the content that ttsctl wrote last, so that it does not take it for the service's, and when
 * somebody else wrote last as far as is known: who read the file before our write may write what it read after it.
 * @param others epoch seconds; -Infinity for never
 */
export function noteOf(identity: FileIdentity, others: number): string {
  return Number.isFinite(others) ? `${contentOf(identity)}${SEPARATOR}${others}` : contentOf(identity);
}

const SEPARATOR = "; others wrote ";

function contentOf({ dev, ino, size, mtimeNs }: FileIdentity): string {
  return `wrote ${dev}:${ino}:${size}:${mtimeNs}`;
}

/** Whether a lock file's note names this content as ours. */
export function isOurs(identity: FileIdentity, note: string): boolean {
  return note.split(SEPARATOR)[0] === contentOf(identity);
}

/**
 * When somebody who is not ttsctl wrote the file last, epoch seconds; -Infinity where that is not known.
 * @param note what the last holder of the write lock left
 */
export function othersWroteAt(identity: FileIdentity | null, note: string): number {
  const [, others = "-Infinity"] = note.split(SEPARATOR);
  const known = Number(others);
  if (identity === null || isOurs(identity, note)) return known;
  return Math.max(known, Number(identity.mtimeNs) / 1e9);
}

/** Whether that was within the last minute. */
export function isLately(epoch: number, clock: Clock): boolean {
  return clock.now() - epoch < LATELY_S;
}
