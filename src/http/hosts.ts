import { isIP } from "node:net";

/** All addresses of a machine: whoever listens there cannot know how it is called. */
const ANY_ADDRESS = new Set(["0.0.0.0", "::"]);
const LOCAL = ["localhost", "127.0.0.1", "::1"];

/** Whether an address is reached from this machine alone. */
export function isLocal(host: string): boolean {
  return LOCAL.includes(host.toLowerCase()) || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * The names under which a server may be asked. A page of somebody else can have its own name resolve to 127.0.0.1 and
 * then read as the same origin (DNS rebinding); it cannot choose what its browser sends as `Host`.
 */
export class Hosts {
  readonly #names: ReadonlySet<string>;
  readonly #proxied: ReadonlySet<string>;
  readonly #anyAddress: boolean;

  /**
   * @param host where the server listens
   * @param more names besides, such as that of a proxy
   */
  constructor(host: string, more: readonly string[]) {
    this.#names = new Set([...LOCAL, host.toLowerCase(), ...more]);
    this.#proxied = new Set(more);
    this.#anyAddress = ANY_ADDRESS.has(host);
  }

  /** @param authority a name or an address, with a port or without, as in `Host` and in an origin */
  allows(authority: string): boolean {
    const name = nameOf(authority);
    if (name === undefined) return false;
    return this.#names.has(name) || (this.#anyAddress && isIP(name) !== 0);
  }

  /**
   * Whether a page of this origin is ours: of the very host and port that were asked, or of a proxy, which may ask
   * under another name. Another server of this machine is another site.
   */
  allowsOrigin(origin: string, host: string | undefined): boolean {
    const [, authority = ""] = /^https?:\/\/(.+)$/.exec(origin) ?? [];
    return authority === host || this.#proxied.has(nameOf(authority) ?? "");
  }
}

/** Without port, brackets and the dot of a full name; undefined where it is none of these. */
function nameOf(authority: string): string | undefined {
  const [, address, name] = /^(?:\[([\da-f:.]+)\]|([^\s/@[\]?#:]+?)\.?)(?::\d{1,5})?$/i.exec(authority) ?? [];
  return (address ?? name)?.toLowerCase();
}
