import type { NodeTarget } from "../../src/store/redis/target.ts";

/** A server on a port of this machine, without a login and without TLS. */
export function targetAt(port: number, more: Partial<NodeTarget> = {}): NodeTarget {
  const access = { db: 0, username: null, password: null, tls: null, timeout: 2 };
  return { place: { kind: "node", host: "127.0.0.1", port }, ...access, ...more };
}
