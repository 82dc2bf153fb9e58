import type { Clock } from "../../clock.ts";
import type { FileIdentity } from "./identity.ts";

/** Beside somebody who wrote within this time a change is watched: it may be undone (SPEC section 2). Seconds. */
export const LATELY_S = 60;

/** How a lock file names the content that ttsctl wrote last, so that it does not take it for the service's. */
export function noteOf(identity: FileIdentity): string {
  return `wrote ${identity.dev}:${identity.ino}:${identity.size}:${identity.mtimeNs}`;
}

/**
 * Whether somebody who is not ttsctl wrote the file within the last minute.
 * @param note what the last holder of the write lock left
 */
export function othersWroteLately(identity: FileIdentity | null, note: string, clock: Clock): boolean {
  if (identity === null || note === noteOf(identity)) return false;
  return clock.now() - Number(identity.mtimeNs) / 1e9 < LATELY_S;
}
