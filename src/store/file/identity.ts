import { type BigIntStats, statSync } from "node:fs";
import { describeSystemError, TtsctlError } from "../../errors.ts";

/** Identifies one content of the store file. Inode numbers are reused at once, so times and size count too. */
export type FileIdentity = Readonly<Pick<BigIntStats, "dev" | "ino" | "size" | "mtimeNs" | "ctimeNs" | "birthtimeNs">>;

/** A content of a file as one word, without its ctime. */
export function identityText(identity: FileIdentity | null): string {
  return identity === null ? "none" : `${identity.dev}:${identity.ino}:${identity.size}:${identity.mtimeNs}`;
}

/** The file that a path names now, or null. @throws TtsctlError STORE_UNREADABLE */
export async function identityAt(path: string): Promise<FileIdentity | null> {
  try {
    return identityNow(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** As `identityAt`. A missing file costs no error. @throws a system error */
export function identityNow(path: string): FileIdentity | null {
  return statSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

export function unreadable(path: string, cause: unknown): TtsctlError {
  return new TtsctlError("STORE_UNREADABLE", `cannot read ${path}: ${describeSystemError(cause)}`, {
    hint: "check the file's owner and mode, and the disk",
    cause,
  });
}

/** Whether two looks at a path saw the same content, or both no file. */
export function sameIdentity(a: FileIdentity | null, b: FileIdentity | null): boolean {
  return a?.ctimeNs === b?.ctimeNs && (a === b || sameContent(a, b));
}

/** The same for a file that we renamed in between, which changed its ctime. False for no file. */
export function sameContent(a: FileIdentity | null, b: FileIdentity | null): boolean {
  if (a === null || b === null) return false;
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs;
}

/** Whether both are one file, also after it was written to. By its birth, a later one with the same inode number is another. */
export function sameFile(a: FileIdentity | null, b: FileIdentity | null): boolean {
  return a !== null && b !== null && a.dev === b.dev && a.ino === b.ino && a.birthtimeNs === b.birthtimeNs;
}
