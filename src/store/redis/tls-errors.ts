import { systemErrorCode, TtsctlError } from "../../errors.ts";

type Kind = readonly [matches: RegExp, what: (cause: Error) => string, hint: string];

/** Why a TLS connection was not made, by the code that Node.js or OpenSSL gives. */
const KINDS: readonly Kind[] = [
  [
    /SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|INVALID_CA/,
    () => "shows a certificate of an authority that is not trusted here",
    "name the authority's certificate in [redis] tls_ca, or REDIS_TLS_CA",
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    (cause) => `shows the certificate of another name: ${namesIn(cause)}`,
    "connect by a name in the certificate, or give it in [redis] tls_server_name",
  ],
  [
    /^CERT_HAS_EXPIRED$/,
    () => "shows a certificate that has expired",
    "renew the server's certificate, or the authority's; is the clock of this machine right?",
  ],
  [/^CERT_NOT_YET_VALID$/, () => "shows a certificate that is not valid yet", "is the clock of this machine right?"],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE|UNEXPECTED_MESSAGE/,
    () => "does not speak TLS on this port",
    "[redis] tls = false, or redis:// in place of rediss://; or name its TLS port",
  ],
  [
    /ALERT_CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/,
    () => "wants a client certificate",
    "name it in [redis] tls_cert and its key in tls_key",
  ],
  [
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/,
    ({ message }) => `refuses the client certificate (${reasonIn(message)})`,
    "show one of an authority that the server trusts: [redis] tls_cert and tls_key",
  ],
];

/** The failure of a TLS connection in words; undefined where it is none. */
export function tlsError(cause: unknown, where: string): TtsctlError | undefined {
  if (!(cause instanceof Error)) return undefined;
  const code = systemErrorCode(cause) ?? "";
  for (const [matches, what, hint] of KINDS) {
    if (matches.test(code)) return new TtsctlError("REDIS_TLS", `Redis at ${where} ${what(cause)}`, { hint, cause });
  }
  if (!/^(ERR_SSL_|ERR_OSSL_|ERR_TLS_|EPROTO$|CERT_|CRL_)/.test(code)) return undefined;
  const message = `the TLS connection to Redis at ${where} failed: ${reasonIn(cause.message)} (${code})`;
  return new TtsctlError("REDIS_TLS", message, { hint: "see [redis] tls and the other tls_ settings", cause });
}

/** A server that is asked in TLS and does not understand waits for the end of a line, as does one that is overloaded. */
export function silentHandshake(where: string): TtsctlError {
  return new TtsctlError("REDIS_TIMEOUT", `Redis at ${where} does not answer the TLS handshake in time`, {
    hint: "a server without TLS on this port? then [redis] tls = false, or redis://; else see [redis] timeout",
  });
}

/** A server that is spoken to in plain text and expects TLS hangs up, as does a proxy without a server behind it. */
export function plainTextRefused(where: string, cause: unknown): TtsctlError {
  return new TtsctlError("REDIS_UNAVAILABLE", `Redis at ${where} closes the connection without an answer`, {
    hint: "does it speak TLS on this port? then [redis] tls = true, or rediss://; else look at its log",
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
