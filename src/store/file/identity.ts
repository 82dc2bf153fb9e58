import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { describeSystemError, systemErrorCode, TtsctlError } from "../../errors.ts";

/** What tells one content of the store file from the next. Inode numbers alternate, so times and size count too. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export function identityOf(stats: BigIntStats): FileIdentity {
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  return { dev, ino, size, mtimeNs, ctimeNs };
}

/**
 * The file that a path names now, or null.
 * @throws TtsctlError STORE_UNREADABLE
 */
export async function identityAt(path: string): Promise<FileIdentity | null> {
  try {
    return identityOf(await stat(path, { bigint: true }));
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw unreadable(path, error);
  }
}

/** The same at once, for a look that nothing may come between. @throws Error of the system */
export function identityNow(path: string): FileIdentity | null {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? null : identityOf(stats);
}

export function unreadable(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("STORE_UNREADABLE", `cannot read ${path}: ${describeSystemError(cause)}`, {
    hint: "check the file's owner and mode, and the disk",
    cause,
  });
}

/** Whether two looks at a path saw the same content; two nulls are two looks at no file. */
export function sameIdentity(a: FileIdentity | null, b: FileIdentity | null): boolean {
  if (a === null || b === null) return a === b;
  return sameContent(a, b) && a.ctimeNs === b.ctimeNs;
}

/** The same, for a file that we renamed ourselves in between, which changes its ctime. */
export function sameContent(a: FileIdentity, b: FileIdentity): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs;
}

/** Whether a path still names a file that is held open, whatever was written to it. */
export function sameFile(a: FileIdentity | null, b: FileIdentity | null): boolean {
  return a !== null && b !== null && a.dev === b.dev && a.ino === b.ino;
}
