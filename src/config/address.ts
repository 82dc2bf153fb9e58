/** A host and its port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** As it is written in a setting: an IPv6 address in brackets. */
export function addressText({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** A whole number from 0 in the grammar of Python's `int()`, which is how the service reads it; undefined for anything else. */
export function parseInteger(text: string): number | undefined {
  if (!/^\+?\d+(?:_\d+)*$/.test(text)) return undefined;
  const value = Number(text.replaceAll("_", ""));
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A TCP port that can be connected to. */
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
