import { systemClock } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import type { Address } from "../../printable.ts";
import { RedisClient } from "./client.ts";
import type { Reply } from "./commands.ts";
import { noneUsable } from "./errors.ts";
import { type RedisTarget, SLOTS } from "./target.ts";

/** The name of a node, as nodes and ioredis write it. */
export function nodeName({ host, port }: Address): string {
  return `${host}:${port}`;
}

/** @param asked the node that sent the name: an empty host, or `?`, means its own */
export function addressOf(name: string, asked: Address): Address {
  const colon = name.lastIndexOf(":");
  const host = name.slice(0, colon);
  return { host: host === "" || host === "?" ? asked.host : host, port: Number(name.slice(colon + 1)) };
}

/** A range of slots and its nodes in the reply of `CLUSTER SLOTS`; a host may be empty or unknown. */
type SlotsReply = [from: number, to: number, ...nodes: [host: string | null, port: number][]];

/**
 * The slots of a cluster as one of its nodes lists them. A node that left it, or was cut off, lists fewer.
 * @param address of that node
 * @returns primaries: by slot the name of its primary, no item for an unassigned slot; nodes: all names, replicas included
 */
export function slotMap(slots: Reply, address: Address) {
  const primaries: string[] = new Array(SLOTS);
  const nodes = new Set<string>();
  for (const [from, to, ...own] of slots as unknown as SlotsReply[]) {
    const names = own.map(([host, port]) => nodeName(addressOf(`${host ?? ""}:${port}`, address)));
    for (const name of names) nodes.add(name);
    primaries.fill(names[0]!, from, to + 1);
  }
  return { primaries, nodes };
}

interface Entrance {
  readonly address: Address;
  readonly nodes: ReadonlySet<string>;
  /** Whether the node reports the cluster as usable; true if this user may not ask. */
  readonly isUp: boolean;
}

/**
 * Asks nodes, one after the other within some seconds, until one reports the cluster as usable; else the first is used.
 * @throws TtsctlError REDIS_* that names every node that was tried; at once if one can't be used at all
 */
export async function enterCluster(target: RedisTarget, seeds: readonly Address[], seconds: number): Promise<Entrance> {
  const deadline = systemClock.monotonic() + seconds;
  const failures: TtsctlError[] = [];
  let best: Entrance | undefined;
  for (const [i, address] of seeds.entries()) {
    const left = Math.max(0, deadline - systemClock.monotonic());
    try {
      const found = await enter(target, address, i === seeds.length - 1 ? left : left / 2);
      if (found.isUp) return found;
      best ??= found;
    } catch (error) {
      if (!(error instanceof TtsctlError) || (best === undefined && !PASSES.includes(error.code))) throw error;
      failures.push(error);
    }
  }
  if (best !== undefined) return best;
  if (failures.length === 1) throw failures[0];
  const hint = "start its nodes, or check [redis] host, port and nodes";
  throw noneUsable("no node of the cluster can be used", failures, hint);
}

/** With such an error, another node may be usable. */
const PASSES = ["REDIS_UNAVAILABLE", "REDIS_TIMEOUT", "REDIS_LOADING", "REDIS_CLUSTER"];

async function enter(target: RedisTarget, address: Address, seconds: number): Promise<Entrance> {
  const node = await RedisClient.connect({ ...target, place: { kind: "node", ...address } }, seconds);
  try {
    const [slots, info] = await node.pipeline([
      ["CLUSTER", "SLOTS"],
      ["CLUSTER", "INFO"],
    ]);
    if (slots instanceof TtsctlError) throw slots;
    const { nodes } = slotMap(slots!, address);
    if (nodes.size > 0) return { address, nodes, isUp: !String(info).includes("cluster_state:fail") };
    const message = `Redis at ${nodeName(address)} has no slots: it isn't part of a cluster`;
    const hint = "name a node of the cluster in [redis] host and port, or several in nodes";
    throw new TtsctlError("REDIS_CLUSTER", message, { hint });
  } finally {
    node.close();
  }
}
