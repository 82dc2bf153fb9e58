import { createHash } from "node:crypto";
import type { Reply } from "./commands.ts";
import { SLOTS } from "./slots.ts";
import type { Address } from "./target.ts";

/** The name of a node, as it tells where others are: `host:port`. */
export function nodeName({ host, port }: Address): string {
  return `${host}:${port}`;
}

/** @param asked the node that told the name: a host that is empty, or `?`, is its own */
export function addressOf(name: string, asked: Address): Address {
  const colon = name.lastIndexOf(":");
  return { host: hostOf(name.slice(0, colon), asked), port: Number(name.slice(colon + 1)) };
}

function hostOf(told: string | null, asked: Address): string {
  return told && told !== "?" ? told : asked.host;
}

/** What `CLUSTER SLOTS` says of a node; its host may be empty, unknown, or not to be told. */
type ToldNode = readonly [string | null, number, ...unknown[]];

/** Which primary serves which slot, as far as it is known. */
export class SlotMap {
  readonly #primaries: (string | undefined)[] = new Array(SLOTS);
  /** Every node there is, replicas included. */
  readonly nodes = new Set<string>();

  /** @param reply what `CLUSTER SLOTS` answered. @param asked the node that did */
  static of(reply: Reply, asked: Address): SlotMap {
    const map = new SlotMap();
    for (const [from, to, ...nodes] of reply as unknown as [number, number, ...ToldNode[]][]) {
      const names = nodes.map(([host, port]) => nodeName({ host: hostOf(host, asked), port }));
      for (const name of names) map.nodes.add(name);
      for (let slot = from; slot <= to; slot++) map.move(slot, names[0]!);
    }
    return map;
  }

  move(slot: number, primary: string): void {
    this.#primaries[slot] = primary;
  }

  primaryOf(slot: number): string | undefined {
    return this.#primaries[slot];
  }

  /** All of them, in the order of their names. */
  get primaries(): string[] {
    return [...new Set(this.#primaries)].filter((name) => name !== undefined).sort();
  }

  /** How many slots are served. */
  get covered(): number {
    return this.#primaries.filter((name) => name !== undefined).length;
  }

  /** The same text for maps by which every slot is served by the same primary. */
  get print(): string {
    return createHash("sha1").update(this.#primaries.join()).digest("hex");
  }
}
