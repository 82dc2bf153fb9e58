import { type Address, addressText } from "../../printable.ts";

export type NodePlace = ({ readonly kind: "node" } & Address) | { readonly kind: "socket"; readonly path: string };

/** The login is that of the Sentinels. */
export interface SentinelPlace {
  readonly kind: "sentinels";
  readonly sentinels: readonly Address[];
  readonly name: string;
  readonly username: string | null;
  readonly password: string | null;
}

/** How many slots a cluster has; each primary serves some of them. */
export const SLOTS = 16_384;

interface ClusterPlace {
  readonly kind: "cluster";
  readonly nodes: readonly Address[];
}

/** TLS, with PEM files by their absolute paths. */
export interface TlsFiles {
  /** Null: the authorities that Node.js trusts. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** In place of the host's name. */
  readonly serverName: string | null;
}

interface Access {
  readonly db: number;
  readonly username: string | null;
  readonly password: string | null;
  /** Null: plain text. */
  readonly tls: TlsFiles | null;
  /** Seconds that a connection, and each command, may take. */
  readonly timeout: number;
  /** Precedes each key. Default: nothing. */
  readonly prefix?: string;
}

export interface NodeTarget extends Access {
  readonly place: NodePlace;
  /** The Sentinel that named it as a primary, as messages show it: then it must be one. Absent: any server will do. */
  readonly primaryBy?: string;
}

/** The address of Redis and the login (docs/contract.md, Deployments). */
export interface RedisTarget extends Access {
  readonly place: NodePlace | SentinelPlace | ClusterPlace;
}

/** The nodes of clusters that were connected to before, by the nodes that the settings name, which may be gone by now. */
export type KnownNodes = Map<string, readonly Address[]>;

/** A server as messages show it; never with a password. */
export function describeNode({ place, db, tls, primaryBy }: Omit<NodeTarget, "timeout">): string {
  const address = place.kind === "socket" ? place.path : addressText(place);
  const remarks = [...(tls === null ? [] : ["TLS"]), ...(primaryBy === undefined ? [] : [primaryBy])].join(", ");
  return `${address}${db === 0 ? "" : ` db ${db}`}${remarks === "" ? "" : ` (${remarks})`}`;
}
