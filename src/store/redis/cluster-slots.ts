import { TtsctlError } from "../../errors.ts";
import type { RedisCommands } from "./commands.ts";
import { SLOTS } from "./slots.ts";
import type { Address } from "./target.ts";

/** How the slots of a cluster lie, as one of its nodes tells. One that left it, or was cut off, tells less, or that all is down. */
export interface SlotMap {
  /** By slot, the name of its primary; no item for a slot that nobody serves. */
  readonly primaries: readonly string[];
  /** Every node there is, replicas included. */
  readonly nodes: ReadonlySet<string>;
  /** Whether the node takes its cluster for usable; a user who may not ask for that goes by the slots. */
  readonly isUp: boolean;
  /** The map with the highest rank is believed: first by `isUp`, then by the number of slots that are served. */
  readonly rank: number;
}

/** The rank of a map that no other can be better than. */
export const BEST_RANK = 2 * SLOTS + 1;

/** The name of a node, as nodes and ioredis write it. */
export function nodeName({ host, port }: Address): string {
  return `${host}:${port}`;
}

/** @param asked the node that told the name: a host that is empty, or `?`, is its own */
export function addressOf(name: string, asked: Address): Address {
  const colon = name.lastIndexOf(":");
  const host = name.slice(0, colon);
  return { host: host === "" || host === "?" ? asked.host : host, port: Number(name.slice(colon + 1)) };
}

/** The servers that serve slots, by their names. */
export function primariesOf(primaries: readonly (string | undefined)[]): string[] {
  return [...new Set(primaries)].filter((name) => name !== undefined).sort();
}

/** What `CLUSTER SLOTS` says of a range of slots, and of its nodes; a host may be empty, unknown, or not to be told. */
type ToldSlots = [from: number, to: number, ...nodes: [host: string | null, port: number][]];

/** @throws TtsctlError REDIS_* */
export async function askSlots(node: RedisCommands, address: Address): Promise<SlotMap> {
  const [slots, info] = await node.pipeline([
    ["CLUSTER", "SLOTS"],
    ["CLUSTER", "INFO"],
  ]);
  if (slots instanceof TtsctlError) throw slots;
  const primaries: string[] = new Array(SLOTS);
  const all = new Set<string>();
  for (const [from, to, ...nodes] of slots as unknown as ToldSlots[]) {
    const names = nodes.map(([host, port]) => nodeName(addressOf(`${host ?? ""}:${port}`, address)));
    for (const name of names) all.add(name);
    primaries.fill(names[0]!, from, to + 1);
  }
  const isUp = !String(info).includes("cluster_state:fail");
  const served = primaries.reduce((count) => count + 1, 0);
  return { primaries, nodes: all, isUp, rank: served + (isUp ? SLOTS + 1 : 0) };
}
