import { RedisClient } from "./client.ts";
import type { RedisCommands } from "./commands.ts";
import { KnownNodes } from "./known-nodes.ts";
import { PrefixedCommands } from "./prefixed.ts";
import type { Address, RedisTarget } from "./target.ts";

/**
 * Connects to whatever kind of Redis a target names, logs in and pings.
 * @param known the nodes of clusters that were connected to before, which are asked too
 * @throws TtsctlError REDIS_* with what was tried
 */
export async function connectRedis(target: RedisTarget, known = new KnownNodes()): Promise<RedisCommands> {
  const { prefix = "" } = target;
  const commands = await connectPlace(target, known);
  return prefix === "" ? commands : new PrefixedCommands(commands, prefix);
}

function connectPlace(target: RedisTarget, known: KnownNodes): Promise<RedisCommands> {
  const { place } = target;
  switch (place.kind) {
    case "cluster":
      return connectCluster(target, place.nodes, known);
    case "sentinels":
      return import("./sentinel.ts").then(({ connectBySentinels }) => connectBySentinels({ ...target, place }));
    default:
      return RedisClient.connect({ ...target, place });
  }
}

async function connectCluster(
  target: RedisTarget,
  named: readonly Address[],
  known: KnownNodes,
): Promise<RedisCommands> {
  const { ClusterClient } = await import("./cluster-client.ts");
  return ClusterClient.connect({
    seeds: known.seeds(named),
    connect: (node, within) => RedisClient.connect({ ...target, place: { kind: "node", ...node } }, within),
    note: (nodes) => known.note(named, nodes),
    timeout: target.timeout,
  });
}
