import { describeSystemError } from "../errors.ts";
import { printableJson } from "../printable.ts";

/** A system error of an artifact operation; its message names the path, quoted, and can be shown. */
export class FolderError extends Error {
  override readonly name = "FolderError";
  readonly code: string;

  constructor(action: string, label: string, cause: NodeJS.ErrnoException) {
    super(`cannot ${action} ${printableJson(label)}: ${describeSystemError(cause)}`, { cause });
    this.code = String(cause.code);
  }
}

/**
 * Why artifacts are left as they are: for good (a link, a mount point), because something in them is newer than the
 * pass, or because they were in motion, so that the next pass may have better luck.
 */
export class Kept extends Error {
  override readonly name = "Kept";
  readonly why: "unsafe" | "newer" | "busy";

  constructor(reason: string, why: "unsafe" | "newer" | "busy" = "unsafe") {
    super(reason);
    this.why = why;
  }
}

/** The reason to give for an error that must not stop a pass; anything but a failure of the disk is a bug and thrown on. */
export function reasonOf(error: unknown): string {
  if (error instanceof Kept || error instanceof FolderError) return error.message;
  throw error;
}
