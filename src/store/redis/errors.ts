import { type ErrorCode, systemErrorCode, TtsctlError } from "../../errors.ts";
import { tlsError } from "./tls-errors.ts";

interface Kind {
  readonly matches: RegExp;
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

/** What a server answers when it cannot be used, by the first words of its message. */
const SERVER_ERRORS: readonly Kind[] = [
  {
    matches: /^NOAUTH/,
    code: "REDIS_AUTH",
    what: "wants a password",
    hint: "set [redis] password (and username), or REDIS_PASSWORD",
  },
  {
    matches: /^ERR (AUTH|Client sent AUTH)/,
    code: "REDIS_AUTH",
    what: "takes no password",
    hint: "leave out [redis] password, or REDIS_PASSWORD",
  },
  {
    matches: /^(WRONGPASS|ERR invalid password)/,
    code: "REDIS_AUTH",
    what: "refused the password",
    hint: "check [redis] username and password, or REDIS_PASSWORD",
  },
  {
    matches: /^NOPERM|^ERR ACL failure in script/,
    code: "REDIS_DENIED",
    what: "does not let this user do that",
    hint: "give the ACL user the keys tts:* (after [redis] prefix) and the commands read, write, scripting and connection",
  },
  {
    matches: /^ERR (DB index|invalid DB index)|^ERR SELECT is not allowed/,
    code: "REDIS_WRONG_DB",
    what: "has no such database",
    hint: "check [redis] db, or REDIS_DB; a server has 16 by default, a cluster only 0",
  },
  {
    matches: /^LOADING/,
    code: "REDIS_LOADING",
    what: "is still loading its data",
    hint: "wait a moment and try again",
  },
  {
    matches: /^(MOVED|ASK) |non local key in a cluster/,
    code: "REDIS_CLUSTER",
    what: "is one node of a cluster, and was spoken to as the only one",
    hint: "set [redis] cluster = true, or REDIS_CLUSTER",
  },
  {
    matches: /^ERR This instance has cluster support disabled/,
    code: "REDIS_CLUSTER",
    what: "is no cluster",
    hint: "set [redis] cluster = false, or name a node of the cluster in [redis] host and port",
  },
  {
    matches: /^(CLUSTERDOWN|TRYAGAIN)/,
    code: "REDIS_CLUSTER",
    what: "belongs to a cluster that is not whole",
    hint: "wait for its failover or resharding to end; `redis-cli --cluster check` tells more",
  },
  {
    matches: /^(READONLY|MASTERDOWN)/,
    code: "REDIS_READONLY",
    what: "is a read-only replica",
    hint: "name the primary in [redis] host and port",
  },
  {
    matches: /^OOM/,
    code: "REDIS_OUT_OF_MEMORY",
    what: "is out of memory",
    hint: "raise its maxmemory, or purge finished tasks with ttsctl cleanup",
  },
  {
    matches: /^MISCONF/,
    code: "REDIS_FAILED",
    what: "takes no writes, since it cannot save to its disk",
    hint: "free its disk, or look at its log (redis-cli INFO persistence); reading goes on meanwhile",
  },
  {
    matches: /^WRONGTYPE/,
    code: "REDIS_FAILED",
    what: "has a key of another type (`ttsctl verify` names it)",
    hint: "remove the key with redis-cli, then run `ttsctl verify --repair`",
  },
];

/** An error that a server answered: it is known that the command did not run, or failed. */
export class ServerError extends TtsctlError {
  /** What the server said. */
  readonly reply: string;

  constructor(code: ErrorCode, message: string, reply: string, hint?: string) {
    super(code, message, { hint });
    this.reply = reply;
  }
}

/** A message is one line: what is longer than any that Redis writes comes from something else. */
const LONGEST = 500;

/** What the server answered to one command, as an error of ours: its kind where it says that the server is unusable. */
export function serverError(reply: string, where: string): ServerError {
  const message = reply.length > LONGEST ? `${reply.slice(0, LONGEST)}…` : reply;
  const text = message.replace(/\.$/, ""); // more may follow in the line
  const kind = SERVER_ERRORS.find(({ matches }) => matches.test(message));
  if (kind === undefined) return new ServerError("REDIS_FAILED", `Redis at ${where} answered: ${text}`, message);
  return new ServerError(kind.code, `Redis at ${where} ${kind.what}: ${text}`, message, kind.hint);
}

/** Whether a key isn't of the type that ttsctl gives it. */
export function isWrongType(error: unknown): error is ServerError {
  return error instanceof ServerError && error.reply.startsWith("WRONGTYPE");
}

/** The same error; if a key of another type is what is wrong, with its name. */
export function withKey(error: TtsctlError, key: string, where: string): TtsctlError {
  if (!isWrongType(error)) return error;
  const message = `Redis at ${where} has a key of another type, ${key}: ${error.reply}`;
  return new ServerError(error.code, message, error.reply, error.hint);
}

/** Whether the server answers reads and refuses writes alone, though it refuses a PING too. */
export function takesReadsOnly(error: TtsctlError): boolean {
  return error.message.includes("MISCONF");
}

/** Whether the server, asked anything else, would answer likewise: there is no use in going on. */
export function isFatal(error: TtsctlError): boolean {
  return error.code !== "REDIS_FAILED" || takesReadsOnly(error);
}

const START_HINT =
  "start Redis, or check [redis] host and port; REDIS_HOST, REDIS_PORT and --redis-url come before the file";

/** A connection that could not be made or was lost, with its cause in words. */
export function connectionError(cause: unknown, where: string): TtsctlError {
  const code = systemErrorCode(cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  if (code === "ECONNREFUSED" || code === "ENOENT") {
    return new TtsctlError("REDIS_UNAVAILABLE", `Redis at ${where} refuses connections`, { hint: START_HINT, cause });
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new TtsctlError("REDIS_UNAVAILABLE", `the host of Redis at ${where} has no address`, {
      hint: START_HINT,
      cause,
    });
  }
  if (/Unknown RESP type/.test(message)) {
    return new TtsctlError("REDIS_UNAVAILABLE", `the server at ${where} is not Redis: it answers in another protocol`, {
      hint: START_HINT,
      cause,
    });
  }
  const tls = tlsError(cause, where);
  if (tls !== undefined) return tls;
  if (/timed out|ETIMEDOUT/.test(message)) return timeoutError(where, cause);
  return new TtsctlError("REDIS_UNAVAILABLE", `Redis at ${where} is not reachable: ${message.replace(/\.$/, "")}`, {
    hint: START_HINT,
    cause,
  });
}

/** The server that should be the primary is none. */
export function notPrimary(where: string, role: string): TtsctlError {
  return new TtsctlError("REDIS_READONLY", `Redis at ${where} is no primary: its role is ${role}`);
}

/** The same error of a primary that others may take over from, with what to do about it. */
export function afterFailover(error: TtsctlError): TtsctlError {
  if (!FAILS_OVER.includes(error.code)) return error;
  return new TtsctlError(error.code, error.message, { hint: FAILOVER_HINT, cause: error.cause });
}

const FAILS_OVER: readonly ErrorCode[] = ["REDIS_UNAVAILABLE", "REDIS_TIMEOUT", "REDIS_READONLY"];

const FAILOVER_HINT = "a failover may be under way: run it again once there is a new primary; what was done is kept";

export function timeoutError(where: string, cause?: unknown): TtsctlError {
  return new TtsctlError("REDIS_TIMEOUT", `Redis at ${where} does not answer in time`, {
    hint: "the server hangs or is overloaded; [redis] timeout says how long to wait",
    cause,
  });
}
