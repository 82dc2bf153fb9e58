/** The folder under `output/` for folders during their removal. No user may have this name. */
export const PURGE_FOLDER = ".ttsctl-purge";

/** The limit of a file name on Linux, in bytes of UTF-8. */
const MAX_NAME_BYTES = 255;

/** `/`, `\`, NUL and the other control characters (C0, DEL, C1), and lone surrogates, which UTF-8 cannot hold. */
const NOT_IN_A_NAME = /[/\\\p{Cc}\p{Cs}]/u;

/** Whether an id is one plain name (docs/contract.md, Identifiers). @param suffix what the file name has after it, for its length */
export function isPlainName(id: string, suffix = ""): boolean {
  if (id === "" || id === "." || id === "..") return false;
  return !NOT_IN_A_NAME.test(id) && Buffer.byteLength(id + suffix) <= MAX_NAME_BYTES;
}

/** Whether a user id would collide with the purge folder; file systems that ignore case see one name. */
export function isPurgeFolder(name: string): boolean {
  return name.toLowerCase() === PURGE_FOLDER;
}

/** Equal for names that differ only in case or Unicode form, which some file systems ignore. */
export function folded(name: string): string {
  return IS_ASCII.test(name) ? name.toLowerCase() : name.normalize("NFC").toUpperCase().toLowerCase();
}

export const IS_ASCII = /^[ -~]*$/;

/** A name on the disk that an id can have; undefined for invalid UTF-8, and for names that no id can have. */
export function plainNameOf(name: string | Buffer): string | undefined {
  const text = name.toString();
  return isPlainName(text) && (text === name || Buffer.from(text).equals(name as Buffer)) ? text : undefined;
}

/** The folder of a task by its names in `output/`. */
export interface FolderName {
  readonly userId: string;
  readonly taskId: string;
}
