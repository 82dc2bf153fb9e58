import { TtsctlError } from "../../errors.ts";
import type { RedisCommands } from "./commands.ts";
import { SlotMap } from "./slot-map.ts";
import { SLOTS } from "./slots.ts";
import type { Address } from "./target.ts";

/** What a node tells of its cluster; one that left it, or was cut off, tells less than the others, or that all is down. */
export interface ToldSlots {
  readonly map: SlotMap;
  /** Whether the node takes its cluster for usable; a user who may not ask for that goes by the slots. */
  readonly isUp: boolean;
}

/** @throws TtsctlError REDIS_* */
export async function askSlots(node: RedisCommands, address: Address): Promise<ToldSlots> {
  const [slots, info] = await node.pipeline([
    ["CLUSTER", "SLOTS"],
    ["CLUSTER", "INFO"],
  ]);
  if (slots instanceof TtsctlError) throw slots;
  return { map: SlotMap.of(slots!, address), isUp: !String(info).includes("cluster_state:fail") };
}

export function isWhole({ map, isUp }: ToldSlots): boolean {
  return isUp && map.covered === SLOTS;
}

/** Whether it is rather to be believed than another. */
export function isBetter(told: ToldSlots, other: ToldSlots): boolean {
  return told.isUp === other.isUp ? told.map.covered > other.map.covered : told.isUp;
}
