import { type Address, addressText } from "../printable.ts";
import { formatDuration, parseBytes } from "../task/amounts.ts";
import { DURATIONS, parseDuration } from "../task/duration.ts";
import { type DialectName, LAYOUT_NAMES, type LayoutName } from "../task/rules.ts";
import { isZoneName } from "../task/time.ts";
import { maskUrl, parseAddress, parseHost, parseInteger, parsePort, parseRedisUrl } from "./address.ts";

export interface Kind<T> {
  /** The accepted values, for a message. */
  readonly accepted: string;
  /** Other values than text that a program may give. */
  readonly literal?: "number" | "boolean";
  /** Neither a text nor a value of it is ever printed. */
  readonly isSecret?: boolean;
  /** Undefined if the text is wrong. */
  parse(text: string): T | undefined;
  /** What is wrong with a right text for a service that reads the same file; undefined if nothing is. */
  misread?(text: string): string | undefined;
  /** How `config` prints a value; without it as it is. */
  shown?(value: T): string | null;
}

/** Shorter ones can be guessed over a network. */
const SHORTEST_TOKEN = 16;

const BOOLEANS = ["0", "1", "no", "yes", "false", "true", "off", "on"];

export const BOOLEAN: Kind<boolean> = {
  accepted: "1, yes, true, on, 0, no, false or off",
  literal: "boolean",
  parse: (text) => {
    const at = BOOLEANS.indexOf(text.trim().toLowerCase());
    return at < 0 ? undefined : at % 2 === 1;
  },
};

function number(accepted: string, parse: (text: string) => number | undefined): Kind<number> {
  return { accepted, literal: "number", parse: (text) => parse(text.trim()) };
}

export const PORT = number("a whole number from 1 to 65535", parsePort);
export const LISTEN_PORT = number("a whole number from 1 to 65535, or 0 for any free port", (text) =>
  parseInteger(text) === 0 ? 0 : parsePort(text),
);
export const DATABASE = number("a whole number from 0 (the number of the database)", parseInteger);
export const COUNT = number("a whole number from 0 (0: none)", parseInteger);

export const HOST: Kind<string> = { accepted: "a host name or an IP address, without a port", parse: parseHost };

/** Any text, spaces at its ends included. */
export const TEXT: Kind<string> = { accepted: "any text", parse: (text) => text };

export const PASSWORD: Kind<string> = { ...TEXT, isSecret: true };

/** A name without spaces at its ends. */
export const NAME: Kind<string> = { accepted: "a name", parse: (text) => text.trim() || undefined };

export const PATH: Kind<string> = {
  accepted: "a path",
  parse: (text) => (text.trim() === "" || text.includes("\0") ? undefined : text),
};

export const TIMEOUT = number("500ms, 2s, 1m or a bare number of seconds, more than 0 and at most 1h", (text) => {
  const seconds = parseDuration(text) ?? 0;
  return seconds > 0 && seconds <= 3_600 ? seconds : undefined;
});

function ageOr(zero: string): Kind<number> {
  const accepted = `${DURATIONS} or a bare number of seconds, at most 1000y (zero or negative: ${zero})`;
  return number(accepted, (text) => {
    const seconds = parseDuration(text);
    return seconds !== undefined && seconds <= 1000 * 365.25 * 86_400 ? seconds : undefined; // ISO 8601 has no earlier dates
  });
}

export const RETENTION = ageOr("cleanup is off");
export const STATUS_RETENTION = ageOr("never purged");
export const STUCK_AFTER = ageOr("no task counts as stuck");

/** Of a setting that the service has, too. */
export const SERVICE_RETENTION: Kind<number> = {
  ...RETENTION,
  misread(text) {
    const [ours, theirs] = [RETENTION.parse(text), serviceSeconds(text)];
    if (ours === undefined || ours === theirs) return undefined;
    const said = theirs === null ? "the service its default of 7d" : `the service ${formatDuration(theirs)}`;
    const alike = formatDuration(Math.max(1, Math.trunc(ours)));
    return `ttsctl reads ${formatDuration(ours)}, ${said}; write what both read alike, such as ${alike}`;
  },
};

/** The seconds that the published service reads in a retention; null for its default. */
function serviceSeconds(text: string): number | null {
  const [, number = "", unit = ""] = /^(.*?)\s*([dhms]?)$/s.exec(text.trim().toLowerCase())!;
  // Python's int() and float(), of which a text without a unit has to be the first.
  const isRight = (unit === "" ? /^[+-]?\d+$/ : /^[+-]?(\d+\.?\d*|\.\d+)$/).test(number);
  const seconds = { d: 86_400, h: 3_600, m: 60, s: 1, "": 1 }[unit]!;
  return isRight ? Math.trunc(Number(number) * seconds) : null;
}

export const BYTES = number("500MB, 20GB, 10GiB or a bare number of bytes (0: no limit)", parseBytes);

export const TIMEZONE: Kind<string> = {
  accepted: "an IANA name such as Asia/Shanghai, Europe/Berlin or UTC, not an offset",
  parse: (text) => (isZoneName(text.trim()) ? text.trim() : undefined),
};

export const REDIS_URL: Kind<string> = {
  accepted:
    "redis://[user:password@]host[:port][/db], rediss:// the same with TLS, or unix://[user:password@]/path[?db=number], with %40 for @ and %2F for / in a password",
  parse: (text) => parseRedisUrl(text.trim()) && text.trim(),
  shown: maskUrl,
};

export const ADDRESSES: Kind<readonly Address[]> = listOf(
  parseAddress,
  addressText,
  "addresses host:port separated by commas, such as 10.0.0.1:26379, [::1]:26379",
);

export const LAYOUT: Kind<LayoutName> = oneOf(LAYOUT_NAMES);

export const DIALECT: Kind<DialectName> = oneOf(["plain", "api_ms"]);

/** Braces would put keys into other slots of a cluster, and Redis reads * ? [ ] \\ ^ in patterns. Without `tts:` at its start no key is another's. */
export const PREFIX: Kind<string> = {
  accepted: "up to 64 characters, no spaces, control characters, braces or * ? [ ] \\ ^, and not beginning with tts:",
  parse: (text) => (/^(?!tts:)[^\s\p{C}{}*?[\]\\^]{0,64}$/u.test(text.trim()) ? text.trim() : undefined),
};

export const TOKEN: Kind<string> = {
  accepted: `at least ${SHORTEST_TOKEN} printable ASCII characters, without spaces (openssl rand -hex 32 makes one)`,
  isSecret: true,
  parse: (text) => (/^[\x21-\x7e]+$/.test(text) && text.length >= SHORTEST_TOKEN ? text : undefined),
};

export const BASE_PATH: Kind<string> = {
  accepted: "a path such as /tts, of letters, digits, . _ - and /",
  parse: (text) => {
    const path = text.trim().replace(/\/+$/, "");
    return /^(?:\/(?!\.\.?(?:\/|$))[\w.-]+)*$/.test(path) ? path : undefined;
  },
};

export const HOSTS: Kind<readonly string[]> = listOf(
  (text) => parseHost(text)?.toLowerCase(),
  (host) => host,
  "host names separated by commas, without ports, such as tts.example.org, tts",
);

function listOf<T>(parse: Kind<T>["parse"], shown: (item: T) => string, accepted: string): Kind<readonly T[]> {
  return {
    accepted,
    parse: (text) => {
      const items = text.split(",").map(parse);
      return items.includes(undefined) ? undefined : (items as T[]);
    },
    shown: (items) => items.map(shown).join(", ") || null,
  };
}

function oneOf<T extends string>(names: readonly T[]): Kind<T> {
  const parse = (text: string) => names.find((name) => name === text.trim().toLowerCase());
  return { accepted: names.join(", "), parse };
}
