/** A host and its port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** As it is written in a setting: an IPv6 address in brackets. */
export function addressText({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
