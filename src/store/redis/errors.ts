import { type ErrorCode, systemErrorCode, TtsctlError } from "../../errors.ts";

const UNSETTLED_HINT = "wait for its failover or resharding to end; `redis-cli --cluster check` shows its state";

type Kind = readonly [matches: RegExp, code: ErrorCode, what: string, hint: string];

const SERVER_ERRORS: readonly Kind[] = [
  [/^NOAUTH/, "REDIS_AUTH", "requires a password", "set [redis] password (and username), or REDIS_PASSWORD"],
  [/^ERR (AUTH|Client sent AUTH)/, "REDIS_AUTH", "has no password", "leave out [redis] password, or REDIS_PASSWORD"],
  [
    /^(WRONGPASS|ERR invalid password)/,
    "REDIS_AUTH",
    "refused the password",
    "check [redis] username and password, or REDIS_PASSWORD",
  ],
  [
    /^NOPERM|^ERR ACL failure in script/,
    "REDIS_DENIED",
    "does not permit this user to do that",
    "`ttsctl doctor` shows the rights that the ACL user needs, as does docs/deployments.md",
  ],
  [
    /^ERR (DB index|invalid DB index)|^ERR SELECT is not allowed/,
    "REDIS_WRONG_DB",
    "has no such database",
    "check [redis] db, or REDIS_DB; a server has 16 by default, a cluster only 0",
  ],
  [/^LOADING/, "REDIS_LOADING", "is still loading its data", "wait a moment and try again"],
  [
    /^(MOVED|ASK) |non local key in a cluster/,
    "REDIS_CLUSTER",
    "is a node of a cluster, but [redis] cluster is off",
    "set [redis] cluster = true, or REDIS_CLUSTER",
  ],
  [
    /^ERR This instance has cluster support disabled/,
    "REDIS_CLUSTER",
    "isn't a cluster",
    "set [redis] cluster = false, or name a node of the cluster in [redis] host and port",
  ],
  [/^(CLUSTERDOWN|TRYAGAIN)/, "REDIS_CLUSTER", "is in a cluster that doesn't serve all slots", UNSETTLED_HINT],
  [/^(READONLY|MASTERDOWN)/, "REDIS_READONLY", "is a read-only replica", "name the primary in [redis] host and port"],
  [
    /^OOM/,
    "REDIS_OUT_OF_MEMORY",
    "is out of memory",
    "raise its maxmemory, or purge finished tasks with ttsctl cleanup",
  ],
  [
    /^MISCONF/,
    "REDIS_FAILED",
    "refuses writes because it cannot save to its disk",
    "free disk space, or check `redis-cli INFO persistence` and the log of Redis; reads still work",
  ],
  [
    /^WRONGTYPE/,
    "REDIS_FAILED",
    "has a key of another type",
    "remove the key with redis-cli, then run `ttsctl verify --repair`",
  ],
];

/** An error reply of the server: the command did not run, or failed. */
export class ServerError extends TtsctlError {
  /** The server's reply. */
  readonly reply: string;

  constructor(code: ErrorCode, message: string, reply: string, hint?: string) {
    super(code, message, { hint });
    this.reply = reply;
  }
}

/** Longer replies aren't from Redis; a message is one line. */
const LONGEST = 500;

export function serverError(reply: string, where: string): ServerError {
  const message = reply.length > LONGEST ? `${reply.slice(0, LONGEST)}…` : reply;
  const text = message.replace(/\.$/, ""); // more may follow in the line
  const kind = SERVER_ERRORS.find(([matches]) => matches.test(message));
  const [, code, what, hint] = kind ?? [null, "REDIS_FAILED" as const, "answered"];
  return new ServerError(code, `Redis at ${where} ${what}: ${text}`, message, hint);
}

export function unsettledError(message: string, reply = message): ServerError {
  return new ServerError("REDIS_CLUSTER", message, reply, UNSETTLED_HINT);
}

/** Whether a key isn't of the type that ttsctl gives it. */
export function isWrongType(error: unknown): error is ServerError {
  return error instanceof ServerError && error.reply.startsWith("WRONGTYPE");
}

/** The same error, with the key if that has another type. */
export function withKey(error: TtsctlError, key: string, where: string): TtsctlError {
  if (!isWrongType(error)) return error;
  return serverError(`${error.reply}: ${key}`, where);
}

/** Whether the server refuses writes, and PING, but not reads. */
export function takesReadsOnly(error: TtsctlError): boolean {
  return error.message.includes("MISCONF");
}

/** Whether any other command would fail in the same way. */
export function isFatal(error: TtsctlError): boolean {
  return error.code !== "REDIS_FAILED" || takesReadsOnly(error);
}

/** Replies without errors. @throws TtsctlError the first that is one */
export function allOf<T>(replies: readonly (T | TtsctlError)[]): T[] {
  for (const reply of replies) if (reply instanceof TtsctlError) throw reply;
  return replies as T[];
}

/** Replies in which an error concerns only one item. @throws TtsctlError the first that every command would get */
export function unlessFatal<T>(replies: readonly T[]): readonly T[] {
  for (const reply of replies) if (reply instanceof TtsctlError && isFatal(reply)) throw reply;
  return replies;
}

/** One error for servers none of which can be used; it has their code if that is the same. */
export function noneUsable(what: string, failures: readonly TtsctlError[], hint: string): TtsctlError {
  const [cause] = failures;
  const isSame = cause !== undefined && failures.every(({ code }) => code === cause.code);
  const reasons = failures.map(({ message }) => message).join("; ");
  return new TtsctlError(isSame ? cause.code : "REDIS_UNAVAILABLE", `${what}: ${reasons}`, { hint, cause });
}

/** The error of a server that isn't Redis, or of a proxy that changes its replies: it answers, so it isn't an outage. */
export class NotRedis extends TtsctlError {}

export function notRedis(what: string, where: string): TtsctlError {
  return new NotRedis("REDIS_UNAVAILABLE", `Redis at ${where} ${what}`, {
    hint: "check that [redis] host and port name a Redis server, and check any proxy in between",
  });
}

const START_HINT =
  "start Redis, or check [redis] host and port; REDIS_HOST, REDIS_PORT and --redis-url override config.ini";

/** A connection that could not be made or was lost, with its cause in words. */
export function connectionError(cause: unknown, where: string): TtsctlError {
  const code = systemErrorCode(cause) ?? "";
  const message = cause instanceof Error ? cause.message : String(cause);
  const unavailable = (text: string) => new TtsctlError("REDIS_UNAVAILABLE", text, { hint: START_HINT, cause });
  if (code === "ECONNREFUSED") return unavailable(`Redis at ${where} refuses connections`);
  if (code === "ENOENT") return unavailable(`there is no socket of Redis at ${where}`);
  if (/^(ENOTFOUND|EAI_AGAIN)$/.test(code)) return unavailable(`the host name of Redis at ${where} can't be resolved`);
  if (message.includes("Unknown RESP type")) return notRedis("answers in another protocol", where);
  const tls = tlsError(cause, where);
  if (tls !== undefined) return tls;
  if (/timed out|ETIMEDOUT/.test(message)) return timeoutError(where, cause);
  const why = message.includes("enableOfflineQueue") ? "the connection was lost" : message.replace(/\.$/, "");
  return unavailable(`Redis at ${where} is not reachable: ${why}`);
}

/** With any other error a primary can't be used, but it is the primary. */
export const FAILS_OVER: readonly ErrorCode[] = ["REDIS_UNAVAILABLE", "REDIS_TIMEOUT", "REDIS_READONLY"];

export function timeoutError(where: string, cause?: unknown): TtsctlError {
  return new TtsctlError("REDIS_TIMEOUT", `Redis at ${where} does not answer in time`, {
    hint: "the server hangs, is overloaded or can't be reached; [redis] timeout sets how long to wait",
    cause,
  });
}

/** Why a TLS connection was not made, by the code that Node.js or OpenSSL gives. */
const TLS_ERRORS: readonly (readonly [matches: RegExp, what: (cause: Error) => string, hint: string])[] = [
  [
    /SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|INVALID_CA/,
    () => "has a certificate of an untrusted authority",
    "name the authority's certificate in [redis] tls_ca, or REDIS_TLS_CA",
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    (cause) => `has a certificate for another name: ${namesIn(cause)}`,
    "connect by a name in the certificate, or set [redis] tls_server_name to one",
  ],
  [
    /^CERT_HAS_EXPIRED$/,
    () => "has an expired certificate",
    "renew the server's certificate, or the authority's; check this machine's clock",
  ],
  [/^CERT_NOT_YET_VALID$/, () => "has a certificate that is not valid yet", "check this machine's clock"],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE|UNEXPECTED_MESSAGE/,
    () => "does not speak TLS on this port",
    "set [redis] tls = false, or use redis:// instead of rediss://, or name its TLS port",
  ],
  [
    /ALERT_CERTIFICATE_REQUIRED/,
    () => "requires a client certificate",
    "name it in [redis] tls_cert and its key in tls_key",
  ],
  [
    /HANDSHAKE_FAILURE/, // before TLS 1.3, also if there is no common cipher
    () => "refuses the TLS handshake",
    "if it requires a client certificate, name it in [redis] tls_cert and its key in tls_key",
  ],
  [
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/,
    ({ message }) => `refuses the client certificate (${reasonIn(message)})`,
    "set [redis] tls_cert and tls_key to a certificate, and its key, of an authority that the server trusts",
  ],
];

/** The failure of a TLS connection in words; undefined if TLS is not what failed. */
function tlsError(cause: unknown, where: string): TtsctlError | undefined {
  if (!(cause instanceof Error)) return undefined;
  const code = systemErrorCode(cause) ?? "";
  for (const [matches, what, hint] of TLS_ERRORS) {
    if (matches.test(code)) return new TtsctlError("REDIS_TLS", `Redis at ${where} ${what(cause)}`, { hint, cause });
  }
  if (!/^(ERR_SSL_|ERR_OSSL_|ERR_TLS_|EPROTO$|CERT_|CRL_)/.test(code)) return undefined;
  const message = `the TLS connection to Redis at ${where} failed: ${reasonIn(cause.message)} (${code})`;
  return new TtsctlError("REDIS_TLS", message, { hint: "see [redis] tls and the other tls_ settings", cause });
}

/** A server without TLS waits for the end of a line, and an overloaded one answers nothing either. */
export function silentHandshake(where: string): TtsctlError {
  return new TtsctlError("REDIS_TIMEOUT", `Redis at ${where} does not answer the TLS handshake in time`, {
    hint: "if the server has no TLS on this port, set [redis] tls = false, or use redis://; otherwise raise [redis] timeout",
  });
}

/** A server that expects TLS closes a connection in plain text, as does a proxy without a server behind it. */
export function plainTextRefused(where: string, cause: unknown): TtsctlError {
  return new TtsctlError("REDIS_UNAVAILABLE", `Redis at ${where} closed the connection without a reply`, {
    hint: "if it expects TLS on this port, set [redis] tls = true, or use rediss://; otherwise check its log",
    cause,
  });
}

/** OpenSSL's line of fields ends in the reason: `error:0A00010B:SSL routines::wrong version number:../ssl/...`. */
function reasonIn(message: string): string {
  return /SSL routines:[^:]*:([^:]+)/.exec(message)?.[1] ?? message.split("\n")[0]!.trim();
}

function namesIn(cause: Error): string {
  const { cert } = cause as Error & { cert?: { subjectaltname?: string; subject?: { CN?: string } } };
  const names = cert?.subjectaltname?.replaceAll("IP Address:", "").replaceAll("DNS:", "");
  return names ?? cert?.subject?.CN ?? "none at all";
}
