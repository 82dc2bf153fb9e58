import { addressText } from "../../printable.ts";
import { RedisClient } from "./client.ts";
import type { RedisCommands } from "./commands.ts";
import type { KnownNodes, RedisTarget } from "./target.ts";

/** Connects to the Redis of a target, logs in and pings. @param known nodes to ask too @throws TtsctlError REDIS_* */
export async function connectRedis(target: RedisTarget, known: KnownNodes = new Map()): Promise<RedisCommands> {
  const { place } = target;
  if (place.kind === "sentinels") {
    const { connectBySentinels } = await import("./sentinel.ts");
    return connectBySentinels({ ...target, place });
  }
  if (place.kind !== "cluster") return RedisClient.connect({ ...target, place });
  const { ClusterClient } = await import("./cluster-client.ts");
  const named = place.nodes.map(addressText).join(" ");
  const seeds = [...place.nodes, ...(known.get(named) ?? [])];
  return ClusterClient.connect(target, {
    nodes: [...new Map(seeds.map((node) => [addressText(node), node])).values()],
    note: (nodes) => known.set(named, nodes),
  });
}
