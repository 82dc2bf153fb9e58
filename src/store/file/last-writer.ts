import { createHash } from "node:crypto";
import type { Clock } from "../../clock.ts";
import type { FileIdentity } from "./identity.ts";
import type { Snapshot } from "./snapshot.ts";

/** Beside somebody who wrote within this time a change is watched: it may be undone (SPEC section 2). Seconds. */
export const LATELY_S = 60;

/** What ttsctl is about to do, noted before: after a kill it would else look like another program's write. */
export type Intent =
  | { readonly kind: "append"; readonly bytes: Buffer }
  /** Puts another file in place. */
  | { readonly kind: "replace"; readonly by: FileIdentity };

/** Who wrote a content of the file. */
export interface LastWriter {
  readonly isOurs: boolean;
  /** When somebody who is not ttsctl wrote the file last, epoch seconds; -Infinity where that is not known. */
  readonly others: number;
}

/**
 * How a lock file names the content that ttsctl wrote last, so that it does not take it for the service's, and when
 * somebody else wrote last as far as is known: who read the file before our write may write what it read after it.
 * @param identity null for no file
 * @param others epoch seconds; -Infinity for never
 */
export function noteOf(identity: FileIdentity | null, others: number, intent?: Intent): string {
  const parts = [`wrote ${contentOf(identity)}`];
  if (intent?.kind === "replace") parts.push(`replaces it by ${contentOf(intent.by)}`);
  if (intent?.kind === "append") parts.push(`appends ${intent.bytes.length} ${hashOf(intent.bytes)}`);
  if (Number.isFinite(others)) parts.push(`others wrote ${others}`);
  return parts.join(SEPARATOR);
}

const SEPARATOR = "; ";

function contentOf(identity: FileIdentity | null): string {
  return identity === null ? "none" : `${identity.dev}:${identity.ino}:${identity.size}:${identity.mtimeNs}`;
}

function hashOf(bytes: Buffer): string {
  return createHash("sha1").update(bytes).digest("hex").slice(0, 16);
}

/** @param note what the last holder of the write lock left */
export async function lastWriterOf(snapshot: Snapshot, note: string): Promise<LastWriter> {
  const { identity } = snapshot;
  const known = Number(/(?:^|; )others wrote (\S+)/.exec(note)?.[1] ?? "-Infinity");
  if (identity === null) return { isOurs: false, others: known };
  const [, wrote, by] = /^wrote (\S+)(?:; replaces it by (\S+))?(?:; |$)/.exec(note) ?? [];
  const content = contentOf(identity);
  const isOurs = content === wrote || content === by || (await isAppended(snapshot, identity, note));
  return { isOurs, others: isOurs ? known : Math.max(known, Number(identity.mtimeNs) / 1e9) };
}

/** Whether the file is what ttsctl noted, with what it was about to append, or a part of that which ends in the midst of a line. */
async function isAppended(snapshot: Snapshot, { dev, ino, size }: FileIdentity, note: string): Promise<boolean> {
  const [, file, from, length, hash] = /^wrote (\d+:\d+):(\d+):\d+; appends (\d+) (\w+)/.exec(note) ?? [];
  const added = Number(size) - Number(from);
  if (file !== `${dev}:${ino}` || !(added > 0)) return false;
  if (added < Number(length)) return snapshot.layout?.unfinished !== null;
  return added === Number(length) && hashOf(await snapshot.readBytes(Number(from), Number(size))) === hash;
}

/** Whether that was within the last minute. */
export function isLately(epoch: number, clock: Clock): boolean {
  return clock.now() - epoch < LATELY_S;
}
