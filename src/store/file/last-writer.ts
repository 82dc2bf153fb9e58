import { createHash } from "node:crypto";
import type { Clock } from "../../clock.ts";
import { type FileIdentity, identityText } from "./identity.ts";
import type { Snapshot } from "./snapshot.ts";

/** What was written within this time may be written again: a store file, a task in whole seconds, half of a double write. Seconds. */
export const LATELY_S = 60;

/** Noted before a write. After a kill, the write would otherwise look like another program's. */
type Intent =
  | { readonly kind: "append"; readonly bytes: Buffer }
  /** Puts another file in place. */
  | { readonly kind: "replace"; readonly by: FileIdentity };

export interface LastWriter {
  readonly isOurs: boolean;
  /** When another program last wrote the file, epoch seconds; -Infinity if unknown. */
  readonly others: number;
  /** The content, and those before it since another program wrote, the last first: texts of identities. */
  readonly since: readonly string[];
}

/** How many of its contents in a row a note names. */
const MOST_CONTENTS = 32;

/**
 * The note in a lock file: the content that ttsctl wrote last, and when another program did, which may still write what it
 * read before (epoch seconds; -Infinity: never). @param since the contents that it was made from, the last first
 */
export function noteOf(identity: FileIdentity | null, others: number, intent?: Intent, since: readonly string[] = []) {
  const parts = [`wrote ${identityText(identity)}`];
  if (intent?.kind === "replace") parts.push(`replaces it by ${identityText(intent.by)}`);
  if (intent?.kind === "append") parts.push(`appends ${intent.bytes.length} ${hashOf(intent.bytes)}`);
  if (Number.isFinite(others)) parts.push(`others wrote ${others}`);
  if (since.length > 0) parts.push(`after ${since.slice(0, MOST_CONTENTS).join(",")}`);
  return parts.join("; ");
}

function hashOf(bytes: Buffer): string {
  return createHash("sha1").update(bytes).digest("hex").slice(0, 16);
}

/** @param note what the last holder of the write lock left */
export async function lastWriterOf(snapshot: Snapshot, note: string): Promise<LastWriter> {
  const { identity } = snapshot;
  const known = Number(/(?:^|; )others wrote ([^\s;]+)/.exec(note)?.[1] ?? "-Infinity");
  if (identity === null) return { isOurs: false, others: known, since: [] };
  const [, wrote, by] = /^wrote (\S+)(?:; replaces it by (\S+))?(?:; |$)/.exec(note) ?? [];
  const content = identityText(identity);
  const isOurs = content === wrote || content === by || (await isAppended(snapshot, identity, note));
  const [, before = ""] = /(?:^|; )after ([^\s;]+)/.exec(note) ?? [];
  const earlier = [...(content === wrote || wrote === undefined ? [] : [wrote]), ...before.split(",").filter(Boolean)];
  const since = [content, ...(isOurs ? earlier : [])];
  return { isOurs, others: isOurs ? known : Math.max(known, Number(identity.mtimeNs) / 1e9), since };
}

/** Whether the file is the noted content with the noted append, or with an unfinished part of it. */
async function isAppended(snapshot: Snapshot, { dev, ino, size }: FileIdentity, note: string): Promise<boolean> {
  const [, file, from, length, hash] = /^wrote (\d+:\d+):(\d+):\d+; appends (\d+) (\w+)/.exec(note) ?? [];
  const added = Number(size) - Number(from);
  if (file !== `${dev}:${ino}` || !(added > 0)) return false;
  if (added < Number(length)) return snapshot.layout?.unfinished !== null;
  return added === Number(length) && hashOf(await snapshot.readBytes(Number(from), Number(size))) === hash;
}

/** Whether a content is the known one, or ttsctl made it from that: then it undoes nothing. @param note as for `lastWriterOf` */
export async function isMadeFrom(known: FileIdentity | null, current: Snapshot, note: string): Promise<boolean> {
  const { isOurs, since } = await lastWriterOf(current, note);
  return isOurs && since.includes(identityText(known));
}

export function isLately(epoch: number, clock: Clock): boolean {
  return clock.now() - epoch < LATELY_S;
}
