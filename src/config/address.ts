import type { Address } from "../printable.ts";
import { unquote } from "../task/rules.ts";

export const MASK = "***";

/** Scheme, user information, host and path, and query of a valid url. */
const URL_PARTS = /^([^:]*:\/\/)(?:([^/?#]*)@)?([^?]*)(.*)$/s;

const URL_SHAPE = /^(redis|rediss|unix):\/\/(?:([^/?#]*)@)?([^/?#@]*)(\/[^?#]*)?(?:\?([^#]*))?$/i;
const PLACE = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]]*))(?::(\d*))?$/i;

const ADDRESS = ["db", "username", "password"];

/** Parameters of redis-py that a service may have in the same url; any other is refused, as it may be a misspelt `db`. */
const CLIENT =
  /^(?:socket_|ssl_|retry_on_|health_check_interval$|max_connections$|decode_responses$|encoding|protocol$|client_name$|timeout$)/;

/** A url in parts; null for a part that it doesn't have. */
export type RedisUrl = NonNullable<ReturnType<typeof parseRedisUrl>>;

/** Parses a url as redis-py does (a parameter `db` goes before the path). Undefined if it is wrong, or if redis-py would guess, as for a fragment. */
export function parseRedisUrl(text: string) {
  const [, scheme, user, place, path = "", query] = URL_SHAPE.exec(text) ?? [];
  const parameters = new URLSearchParams(query ?? "");
  const names = [...new Set(parameters.keys())];
  if (scheme === undefined || !names.every((name) => ADDRESS.includes(name) || CLIENT.test(name))) return undefined;
  const address = scheme.toLowerCase() === "unix" ? socketAddress(place, path) : tcpAddress(place, path);
  const db = parameters.has("db") ? parseInteger(parameters.get("db") ?? "") : address?.db;
  if (address === undefined || db === undefined) return undefined;
  const [, name, password] = /^([^:]*):?(.*)$/s.exec(user ?? "")!;
  return {
    ...address,
    db,
    tls: scheme.toLowerCase() === "rediss",
    username: unquote(name!) || parameters.get("username") || null,
    password: unquote(password!) || parameters.get("password") || null,
    /** Parameters for the service's own client. */
    ignored: names.filter((name) => !ADDRESS.includes(name)),
  };
}

/** `unix://run/redis.sock` is refused: it reads as the host `run` and the path `/redis.sock`. */
function socketAddress(place: string, path: string) {
  if (place !== "" || path.length < 2) return undefined;
  return { host: null, port: null, db: null, socket: unquote(path) };
}

function tcpAddress(place: string, path: string) {
  const match = PLACE.exec(place);
  if (match === null) return undefined;
  const port = match[3] ? parsePort(match[3]) : null;
  const digits = unquote(path).replace(/^\/|\/$/g, "");
  const db = digits === "" ? null : parseInteger(digits);
  if (port === undefined || db === undefined) return undefined;
  return { host: match[1] || unquote(match[2] ?? "") || null, port, db, socket: null };
}

/** A valid url for people: its password, before the host or as a parameter, is `***`. */
export function maskUrl(url: string): string {
  const [, scheme, user, place, query] = URL_PARTS.exec(url) ?? [];
  if (scheme === undefined) return maskSuspect(url);
  const shownUser = user === undefined ? "" : `${user.replace(/:.+$/s, `:${MASK}`)}@`;
  return `${scheme}${shownUser}${place}${maskParameters(query)}`;
}

/** Any text that may be a url or a part of one, for an error message: whatever could be a password is `***`. */
export function maskSuspect(text: string): string {
  const [, scheme = "", rest] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(text) ?? ["", "", ""];
  const at = rest.lastIndexOf("@");
  const place = rest.slice(at + 1).replace(/:(?!\d{1,5}(?:[/?#]|$)).*$/s, `:${MASK}`);
  return `${scheme}${at === -1 ? "" : `${MASK}@`}${maskParameters(place)}`;
}

function maskParameters(query: string): string {
  return query.replace(/([?&])(?!db=)([^=&]*)=[^&]*/g, `$1$2=${MASK}`);
}

/** A whole number from 0 in the grammar of Python's `int()`, which is how the service reads it; undefined for anything else. */
export function parseInteger(text: string): number | undefined {
  if (!/^\+?\d+(?:_\d+)*$/.test(text)) return undefined;
  const value = Number(text.replaceAll("_", ""));
  return Number.isSafeInteger(value) ? value : undefined;
}

export function parsePort(text: string): number | undefined {
  const port = parseInteger(text);
  return port !== undefined && port >= 1 && port <= 65_535 ? port : undefined;
}

/** A host name or an IP address. One colon would be a port; more than one is an IPv6 address. */
export function parseHost(text: string): string | undefined {
  const host = text.trim();
  return /^(?:[^\s/@[\]?#:]+|[0-9a-f.]*:[0-9a-f.]*:[0-9a-f.:]*(?:%\w+)?)$/i.test(host) ? host : undefined;
}

export function parseAddress(text: string): Address | undefined {
  const [, ipv6, name, digits] = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(text.trim()) ?? [];
  const host = parseHost(ipv6 ?? name ?? "");
  const port = parsePort(digits ?? "");
  return host === undefined || port === undefined ? undefined : { host, port };
}
