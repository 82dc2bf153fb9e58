import { type ErrorCode, TtsctlError, usage } from "../errors.ts";
import { printable } from "../printable.ts";
import { acceptedFor } from "../task/nearest.ts";
import type { Logger, SignalOptions } from "./types.ts";

export function wrongArgument(what: string, accepted: string): TtsctlError {
  return usage(what, `accepted: ${accepted}`);
}

/** Checks an object of options, all of them optional. @throws TtsctlError USAGE */
export function checkOptions(value: unknown, name: string, accepted: readonly string[]): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrongArgument(`${name} isn't an object`, `an object with any of ${accepted.join(", ")}`);
  }
  const unknown = Object.keys(value).find((option) => !accepted.includes(option));
  if (unknown === undefined) return;
  throw usage(`${name}: unknown option ${JSON.stringify(unknown)}`, acceptedFor(unknown, accepted));
}

/** @throws TtsctlError USAGE */
export function checkType(value: unknown, type: "string" | "function" | "boolean", name: string): void {
  if (typeof value !== type) throw wrongArgument(`${name} isn't a ${type}`, `a ${type} as ${name}`);
}

/** @throws TtsctlError USAGE */
export function checkStrings(value: unknown, name: string, example: string): void {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return;
  throw wrongArgument(`${name} isn't an array of strings`, `an array such as ${example}`);
}

export const NEVER = new AbortController().signal;

/** @throws TtsctlError USAGE, INTERRUPTED if it is aborted already */
export function signalOf(options: SignalOptions, call: string, others: readonly string[] = []): AbortSignal {
  checkOptions(options, `${call}: the options`, ["signal", ...others]);
  const { signal = NEVER } = options;
  if (!(signal instanceof AbortSignal)) throw wrongArgument("signal isn't an AbortSignal", "an AbortSignal");
  throwIfAborted(signal);
  return signal;
}

/** @throws TtsctlError INTERRUPTED */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw aborted(signal);
}

export function aborted({ reason: cause }: AbortSignal, left = ""): TtsctlError {
  return new TtsctlError("INTERRUPTED", `the call was aborted${left}`, { cause });
}

/** What a program can do, instead of the hints for commands, which name flags and variables. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  LAYOUT_MISMATCH: "give openTaskStore the service's layout as redis.layout; nothing was changed",
  TIMEZONE_MISMATCH: "give openTaskStore the service's zone as timezone",
  REDIS_AUTH: "check the username and password of the redis option of openTaskStore, or of [redis] in the config.ini",
  REDIS_WRONG_DB: "check the db of the redis option of openTaskStore, or of [redis] in the config.ini",
  REDIS_DISABLED: "give openTaskStore the address of Redis as redis, or set [redis] enabled = true in the config.ini",
  REDIS_UNAVAILABLE: "start Redis, or check the redis option of openTaskStore and [redis] in the config.ini",
  STORE_UNREADABLE: "check the store option of openTaskStore, the owner and mode of the file, and the disk",
  STORE_EMPTY: "check the store option of openTaskStore and the mount",
  STORE_MISMATCH: "check the store and redis options of openTaskStore; if they belong together, see docs/errors.md",
  CLOCK_SKEW: "set the clocks of this machine and of Redis (NTP)",
  AUDIT_FAILED: "nothing is deleted without a ledger entry; fix [audit] path in the config.ini",
};

/** The error with a message of one line and a hint for programs. */
export function libraryError<E>(error: E): E {
  if (!(error instanceof TtsctlError)) return error;
  const hint = error.hint && (HINTS[error.code] ?? error.hint);
  return Object.assign(error, { message: printable(error.message), hint });
}

/** A function of the program. If it throws, that is logged, and the caller goes on. */
export function guarded<A extends unknown[]>(name: string, logger: Logger, work: (...args: A) => void) {
  return (...args: A): void => {
    try {
      work(...args);
    } catch (error) {
      logger.warn(`${name} threw: ${String(error)}`);
    }
  };
}
