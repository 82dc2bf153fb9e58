import { type Address, addressText } from "../../printable.ts";

/** One server. */
export type NodePlace = ({ readonly kind: "node" } & Address) | { readonly kind: "socket"; readonly path: string };

/** Sentinels know which server is the primary of that name; the login is theirs. */
export interface SentinelPlace {
  readonly kind: "sentinels";
  readonly sentinels: readonly Address[];
  readonly name: string;
  readonly username: string | null;
  readonly password: string | null;
}

/** Nodes of a cluster, any of which knows the others. */
export interface ClusterPlace {
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

/** One server, and how to get into it. */
export interface NodeTarget extends Access {
  readonly place: NodePlace;
  /**
   * Who says that it is a primary, as messages show it: then one that is none, or is none any more, is of no use, and whoever
   * loses it should ask again. Without it the server is what it is.
   */
  readonly primaryBy?: string;
}

/** Where Redis is, and how to get into it (SPEC section 10). */
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
