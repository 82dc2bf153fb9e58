import { type ErrorCode, TtsctlError } from "../errors.ts";

/** Hints of the commands name flags and environment variables, which a program doesn't have. */
const OF_COMMANDS = /(^|[\s`])--[a-z]|SIGHUP|\b(REDIS|TTSCTL|TASK)_[A-Z]/;

const HINTS: Partial<Record<ErrorCode, string>> = {
  REDIS_DISABLED: 'leave out redis: "off", or set [redis] enabled = true in the config.ini',
  REDIS_UNAVAILABLE: "start Redis, or check the redis option of openTaskStore and [redis] in the config.ini",
  STORE_UNREADABLE: "give openTaskStore the path of the store file as store",
  STORE_EMPTY: "check the store option of openTaskStore and the mount",
  STORE_MISMATCH:
    "check the store and redis options of openTaskStore; if they belong together, call syncToRedis() first",
  CLOCK_SKEW: "set the clock right",
  AUDIT_FAILED: "nothing is deleted that is not in the ledger; repair [audit] path in the config.ini",
};

/** An error of an operation as the library gives it: its hint is for programs. */
export function libraryError<E>(error: E): E {
  if (!(error instanceof TtsctlError) || error.hint === undefined || !OF_COMMANDS.test(error.hint)) return error;
  const { code, message, cause, stack } = error;
  const renamed = new TtsctlError(code, message, { hint: HINTS[code], cause });
  if (stack !== undefined) renamed.stack = stack;
  return renamed as E & TtsctlError;
}
