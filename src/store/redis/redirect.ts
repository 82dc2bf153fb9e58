import type { Reply } from "./commands.ts";
import { ServerError } from "./errors.ts";
import { addressOf, nodeName } from "./slot-map.ts";
import type { Address } from "./target.ts";

/** What a node says of a command that it did not execute, and that may therefore be sent once more. */
export type Redirect =
  | { readonly kind: "moved"; readonly slot: number; readonly to: string }
  | { readonly kind: "ask"; readonly to: string }
  /** The keys are between two nodes. */
  | { readonly kind: "wait" }
  /** The cluster has no primary for the keys at the moment, as far as this node knows. */
  | { readonly kind: "down" };

/** Null for any other reply. @param from the node that sent it */
export function redirectOf(reply: Reply, from: Address): Redirect | null {
  if (!(reply instanceof ServerError)) return null;
  const [word, slot, to] = reply.reply.split(" ");
  if (word === "MOVED") return { kind: "moved", slot: Number(slot), to: nodeName(addressOf(to!, from)) };
  if (word === "ASK") return { kind: "ask", to: nodeName(addressOf(to!, from)) };
  if (word === "CLUSTERDOWN") return { kind: "down" };
  return word === "TRYAGAIN" ? { kind: "wait" } : null;
}
