import { TtsctlError } from "../errors.ts";
import { quoted } from "../printable.ts";
import { parseBytes } from "../task/amounts.ts";
import { parseDuration } from "../task/duration.ts";
import { isZoneName } from "../task/zone.ts";
import { parseInteger, parsePort } from "./integers.ts";
import type { Given } from "./levels.ts";
import { maskSuspect } from "./mask.ts";
import { parseRedisUrl, type RedisUrl } from "./redis-url.ts";

/** A kind of value: what it makes of a text (undefined: it is wrong), and what it accepts, for the message. */
export interface Kind<T> {
  readonly accepted: string;
  /** A text of it is shown to nobody. */
  readonly isSecret?: boolean;
  parse(text: string): T | undefined;
}

/** Seconds */
const MAX_TIMEOUT = 3_600;

/** 1000 years: farther back there is no date to compare with in ISO 8601. */
const MAX_RETENTION = 1000 * 365.25 * 86_400;

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "yes", "true", "on"].map((word) => [word, true] as const),
  ...["0", "no", "false", "off"].map((word) => [word, false] as const),
]);

export const BOOLEAN: Kind<boolean> = {
  accepted: "1, yes, true, on, 0, no, false or off",
  parse: (text) => BOOLEANS.get(text.trim().toLowerCase()),
};

export const PORT: Kind<number> = {
  accepted: "a whole number from 1 to 65535",
  parse: (text) => parsePort(text.trim()),
};

export const LISTEN_PORT: Kind<number> = {
  accepted: "a whole number from 1 to 65535, or 0 for any free port",
  parse: (text) => (parseInteger(text.trim()) === 0 ? 0 : parsePort(text.trim())),
};

export const DATABASE: Kind<number> = {
  accepted: "a whole number from 0 (the number of the database)",
  parse: (text) => parseInteger(text.trim()),
};

export const HOST: Kind<string> = {
  accepted: "a host name or an IP address, without port",
  // One colon is a port; more than one is an IPv6 address.
  parse: (text) =>
    /^(?:[^\s/@[\]?#:]+|[0-9a-f.]*:[0-9a-f.]*:[0-9a-f.:]*(?:%\w+)?)$/i.test(text.trim()) ? text.trim() : undefined,
};

/** Any text, spaces at its ends included. */
export const SECRET: Kind<string> = { accepted: "any text", parse: (text) => text };

export const PATH: Kind<string> = {
  accepted: "a path",
  parse: (text) => (text.trim() === "" || text.includes("\0") ? undefined : text),
};

export const TIMEOUT: Kind<number> = {
  accepted: "500ms, 2s, 1m or a bare number of seconds, more than 0 and at most 1h",
  parse: (text) => within(parseDuration(text), Number.MIN_VALUE, MAX_TIMEOUT),
};

export const RETENTION: Kind<number> = {
  accepted: "30m, 2h, 1d, 7d or a bare number of seconds, at most 1000y (zero or negative: cleanup is off)",
  parse: (text) => within(parseDuration(text), Number.NEGATIVE_INFINITY, MAX_RETENTION),
};

export const STUCK_AFTER: Kind<number> = {
  accepted: "30m, 2h, 1d, 7d or a bare number of seconds, at most 1000y (zero or negative: no task counts as stuck)",
  parse: RETENTION.parse,
};

export const COUNT: Kind<number> = {
  accepted: "a whole number from 0 (0: none)",
  parse: (text) => parseInteger(text.trim()),
};

export const BYTES: Kind<number> = {
  accepted: "500MB, 20GB, 10GiB or a bare number of bytes (0: no limit)",
  parse: parseBytes,
};

export const TIMEZONE: Kind<string> = {
  accepted: "an IANA name such as Asia/Shanghai, Europe/Berlin or UTC, not an offset",
  parse: (text) => (isZoneName(text.trim()) ? text.trim() : undefined),
};

export const REDIS_URL: Kind<{ text: string; url: RedisUrl }> = {
  accepted:
    "redis://[user:password@]host[:port][/db], rediss:// the same with TLS, or unix://[user:password@]/path[?db=number], with %40 for @ and %2F for / in a password",
  parse: (text) => {
    const url = parseRedisUrl(text.trim());
    return url && { text: text.trim(), url };
  },
};

/** The value of a text, or a CONFIG_INVALID that names its source, the text and what is accepted (SPEC section 7). */
export function read<T>(kind: Kind<T>, given: Given): T {
  const value = kind.parse(given.text);
  if (value !== undefined) return value;
  const text = kind.isSecret ? "what it says" : quoted(withoutPassword(kind, given.text));
  const message = `${given.origin}: ${text} is wrong; accepted: ${kind.accepted}`;
  throw new TtsctlError("CONFIG_INVALID", message, { hint: kubernetesHint(given) });
}

/** What to do about the variable that Kubernetes sets for a Service named redis, if this is it. */
export function kubernetesHint({ origin, text }: Given): string | undefined {
  if (origin !== "REDIS_PORT" || !text.includes("://")) return undefined;
  return "Kubernetes sets REDIS_PORT for a Service named redis: set it to the port in the pod, or set enableServiceLinks: false there.";
}

function within(value: number | undefined, least: number, most: number): number | undefined {
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

/** A url may stand where a host was asked for. */
function withoutPassword(kind: Kind<unknown>, text: string): string {
  return kind === REDIS_URL || text.includes("@") || text.includes("://") ? maskSuspect(text) : text;
}
