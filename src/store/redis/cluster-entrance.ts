import { TtsctlError } from "../../errors.ts";
import type { ConnectNode } from "./cluster-nodes.ts";
import type { RedisCommands } from "./commands.ts";
import { nodeName } from "./slot-map.ts";
import type { Address } from "./target.ts";
import { askSlots, isBetter, isWhole, type ToldSlots } from "./told-slots.ts";

/** A node that answered, and how it says that the slots lie. */
export interface Entrance {
  readonly address: Address;
  readonly node: RedisCommands;
  readonly told: ToldSlots;
}

/**
 * Asks some nodes of a cluster, one after the other, where its slots are, until one knows of them all. One that does not,
 * for it left the cluster or the cluster is not whole, is believed only where no other knows better.
 * @param timeout seconds for all of them
 * @throws TtsctlError REDIS_* naming every node that was tried; at once where one answers that it cannot be used at all
 */
export async function enterCluster(
  connect: ConnectNode,
  seeds: readonly Address[],
  timeout: number,
): Promise<Entrance> {
  const deadline = performance.now() + timeout * 1000;
  const failures: TtsctlError[] = [];
  let best: Entrance | undefined;
  for (const [i, address] of seeds.entries()) {
    const left = Math.max(0, deadline - performance.now()) / 1000;
    try {
      const found = await enter(connect, address, i === seeds.length - 1 ? left : left / 2);
      if (found.told.map.covered === 0) {
        found.node.close();
        failures.push(knowsNothing(address));
        continue;
      }
      const isBest = best === undefined || isBetter(found.told, best.told);
      (isBest ? best : found)?.node.close();
      if (isBest) best = found;
      if (isWhole(found.told)) break;
    } catch (error) {
      if (!(error instanceof TtsctlError) || (best === undefined && !mayBeOtherwiseElsewhere(error))) throw error;
      failures.push(error);
    }
  }
  if (best === undefined) throw noneAnswered(failures);
  return best;
}

/** Whether another node may be of use where this one is not. */
export function mayBeOtherwiseElsewhere({ code }: TtsctlError): boolean {
  return ["REDIS_UNAVAILABLE", "REDIS_TIMEOUT", "REDIS_LOADING"].includes(code);
}

async function enter(connect: ConnectNode, address: Address, timeout: number): Promise<Entrance> {
  const node = await connect(address, timeout);
  try {
    return { address, node, told: await askSlots(node, address) };
  } catch (error) {
    node.close();
    throw error;
  }
}

function knowsNothing(address: Address): TtsctlError {
  return new TtsctlError("REDIS_CLUSTER", `Redis at ${nodeName(address)} knows of no slots: it belongs to no cluster`, {
    hint: "name a node of the cluster in [redis] host and port, or several in nodes",
  });
}

function noneAnswered(failures: readonly TtsctlError[]): TtsctlError {
  const [first] = failures;
  if (failures.length === 1) return first!;
  const code = failures.every(({ code }) => code === first!.code) ? first!.code : "REDIS_UNAVAILABLE";
  const tried = failures.map(({ message }) => message).join("; ");
  return new TtsctlError(code, `no node of the cluster can be used: ${tried}`, {
    hint: "start its nodes, or check [redis] host, port and nodes",
  });
}
