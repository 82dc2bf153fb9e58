import type { Copies, Copy } from "./copies.ts";

/**
 * What is to become of one task: purge it; keep it (`candidate` says that one copy alone would have been purged);
 * or nothing, for it is in neither store.
 */
export type Decision =
  | { readonly kind: "purge" }
  | { readonly kind: "keep"; readonly reason: string; readonly candidate: boolean }
  | { readonly kind: "gone" };

const PURGE: Decision = { kind: "purge" };
const GONE: Decision = { kind: "gone" };

/** A finished task that was last changed at or before `expireBefore`, epoch seconds. An unreadable time never is. */
export function isExpired(copy: Copy, expireBefore: number): boolean {
  return isFinished(copy) && copy.score <= expireBefore;
}

function isFinished({ status }: Copy): boolean {
  return status === "done" || status === "error";
}

function existing({ file, mirror }: Copies): Copy[] {
  return [file, mirror].filter((copy) => copy !== null && typeof copy === "object");
}

/** SPEC section 6, the second look: every copy that exists is finished and expired; a dangling member goes too. */
export function decideCleanup(copies: Copies, expireBefore: number): Decision {
  const present = existing(copies);
  const expired = present.filter((copy) => isExpired(copy, expireBefore));
  const candidate = expired.length > 0 || copies.mirror === "dangling";
  if (copies.file === "invalid") return { kind: "keep", reason: INVALID, candidate };
  if (present.length === 0) return copies.mirror === "dangling" ? PURGE : GONE;
  if (expired.length === present.length) return PURGE;
  return { kind: "keep", reason: "its other copy is not finished, or not expired", candidate };
}

/** SPEC section 5: what was chosen goes, but for tasks that may still be worked on. */
export function decideDelete(copies: Copies, force: boolean): Decision {
  const present = existing(copies);
  if (copies.file === "invalid") return { kind: "keep", reason: INVALID, candidate: true };
  if (present.length === 0) return copies.mirror === "dangling" ? PURGE : GONE;
  const working = force ? undefined : present.find(({ status }) => status === "wait" || status === "run");
  if (working === undefined) return PURGE;
  return {
    kind: "keep",
    reason: `its status is ${working.status}, it may still be worked on; --force deletes it`,
    candidate: true,
  };
}

const INVALID = "the file holds an invalid record of it, which is left alone";
