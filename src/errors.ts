import { getSystemErrorMap } from "node:util";

/** Each code with its exit code. */
export const EXIT_CODES = {
  USAGE: 2,
  CONFIG_NOT_FOUND: 2,
  CONFIG_INVALID: 2,
  CONFIG_REQUIRED: 2,
  CONFIRMATION_REQUIRED: 2,
  DECLINED: 1,
  TIMEZONE_MISMATCH: 2,
  LAYOUT_MISMATCH: 2,
  TASK_INVALID: 2,
  STORE_CLOSED: 1,
  STORE_UNREADABLE: 1,
  STORE_INVALID: 1,
  STORE_EMPTY: 1,
  STORE_MISMATCH: 1,
  STORE_WRITE_FAILED: 1,
  STORE_BUSY: 1,
  LOCK_TIMEOUT: 1,
  LOCK_UNAVAILABLE: 1,
  WATCHER_RUNNING: 1,
  MAX_DELETE_EXCEEDED: 1,
  CLOCK_SKEW: 1,
  ARTIFACTS_UNSAFE: 1,
  BACKUP_FAILED: 1,
  SPOOL_FAILED: 1,
  EXPORT_FAILED: 1,
  IMPORT_UNREADABLE: 1,
  IMPORT_INVALID: 1,
  AUDIT_FAILED: 1,
  LISTEN_FAILED: 1,
  OUTPUT_FAILED: 1,
  INTERNAL: 1,
  REDIS_UNAVAILABLE: 4,
  REDIS_TIMEOUT: 4,
  REDIS_LOADING: 4,
  REDIS_AUTH: 4,
  REDIS_TLS: 4,
  REDIS_DENIED: 4,
  REDIS_WRONG_DB: 4,
  REDIS_READONLY: 4,
  REDIS_CLUSTER: 4,
  REDIS_OUT_OF_MEMORY: 4,
  REDIS_DISABLED: 4,
  REDIS_FAILED: 4,
  INTERRUPTED: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

/** What each exit code means, for the help and docs/output.md. */
export const EXIT_MEANINGS: Readonly<Record<(typeof EXIT_CODES)[ErrorCode] | 0 | 3, string>> = {
  0: "success; also with an empty result, or if a watch was stopped",
  1: "failure",
  2: "wrong usage or configuration",
  3: [
    "partial success: ids not found; tasks refused, failed or returned",
    "`verify` found drift; `get` or `logs` found no task; `logs` couldn't read parts of `Logs/`",
    "`list --search` stopped early; `list --exit-status` matched a task",
    "`cleanup`, `delete`, `mark`, `import` or `export` ran without Redis, though it is enabled",
  ].join("; "),
  4: "Redis was needed but not available",
  130: "interrupted (a dry run: without a plan); the first signal lets the current batch finish",
};

/** `message` is one line: what is wrong, and where it comes from. `hint` is what to do next; `cause` is shown with `-vv`. */
export class TtsctlError extends Error {
  override readonly name = "TtsctlError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }

  /** For logs: a plain Error has no `message` in JSON. */
  toJSON(): { name: string; code: ErrorCode; message: string; hint: string | undefined } {
    return { name: this.name, code: this.code, message: this.message, hint: this.hint };
  }
}

/** The error of a wrong command line, request or call. */
export function usage(message: string, hint: string): TtsctlError {
  return new TtsctlError("USAGE", message, { hint });
}

export function isTtsctlError(error: unknown): error is TtsctlError {
  return error instanceof TtsctlError;
}

/** An error that a caller handles. @throws any other */
export function ours(error: unknown): TtsctlError {
  if (isTtsctlError(error)) return error;
  throw error;
}

export function isRedisError(error: unknown): error is TtsctlError {
  return error instanceof TtsctlError && error.code.startsWith("REDIS_");
}

export function isStoreError(error: unknown): error is TtsctlError {
  return error instanceof TtsctlError && error.code.startsWith("STORE_");
}

/** Closes a file that was only read, or is on the disk already. A failed close frees the descriptor too, so it is ignored. */
export async function closeQuietly(file: { close(): Promise<void> } | null | undefined): Promise<void> {
  await file?.close().catch((error) => {
    if (systemErrorCode(error) === undefined) throw error;
  });
}

/** The `code` of a Node system error (`ENOENT`, `EACCES`, ...), if it is one. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === "string" ? code : undefined;
}

/** Whether an error is that a path names nothing. */
export const isMissingPath: (error: unknown) => boolean = hasCode("ENOENT", "ENOTDIR");

export function hasCode(...codes: readonly string[]): (error: unknown) => boolean {
  return (error) => codes.includes(systemErrorCode(error) ?? "");
}

/** For `catch`: a value in place of an expected error; others are thrown. */
export function valueIf<T>(isExpected: (error: unknown) => boolean, value: T): (error: unknown) => T {
  return (error) => {
    if (!isExpected(error)) throw error;
    return value;
  };
}

/** A failed system call, without its path: `no space left on device (ENOSPC)`. */
export function describeSystemError(error: unknown): string {
  const code = systemErrorCode(error);
  if (code === undefined) return String(error);
  const words = getSystemErrorMap().get((error as NodeJS.ErrnoException).errno ?? 0)?.[1];
  return words === undefined ? code : `${words} (${code})`;
}

/** What to check after a failed write. */
export function writeAdvice(cause: unknown): string {
  const [room, rights] = ["free disk space", "the owner and mode of the file and its directory"];
  if (hasCode("ENOSPC", "EDQUOT")(cause)) return `check ${room}`;
  return hasCode("EACCES", "EPERM", "EROFS")(cause) ? `check ${rights}` : `check ${room}, and ${rights}`;
}

export function interrupted(done: string, hint = "run it again to finish"): TtsctlError {
  return new TtsctlError("INTERRUPTED", `interrupted: ${done}`, { hint });
}

/** @throws TtsctlError INTERRUPTED */
export function throwIfInterrupted(signal: AbortSignal, done: string, hint?: string): void {
  if (signal.aborted) throw interrupted(done, hint);
}
