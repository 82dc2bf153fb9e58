import { TtsctlError } from "../../errors.ts";
import type { ClusterNodes } from "./cluster-nodes.ts";
import { keyOf } from "./command-key.ts";
import type { Command } from "./commands.ts";
import { nodeName, type SlotMap } from "./slot-map.ts";
import { slotOf } from "./slots.ts";
import type { Address } from "./target.ts";
import { askSlots, isBetter, isWhole, type ToldSlots } from "./told-slots.ts";

/** Hears of the nodes of the cluster, whenever one told of them. */
export type NoteNodes = (nodes: readonly Address[]) => void;

/** How the slots of a cluster lie, as far as its nodes told. */
export class ClusterView {
  readonly #nodes: ClusterNodes;
  readonly #seeds: readonly string[];
  readonly #note: NoteNodes;
  #map: SlotMap;
  /** The node that told the map. */
  #teller: string;

  /** @param teller the node that told */
  constructor(nodes: ClusterNodes, seeds: readonly Address[], note: NoteNodes, told: ToldSlots, teller: string) {
    this.#nodes = nodes;
    this.#seeds = seeds.map(nodeName);
    this.#note = note;
    this.#map = told.map;
    this.#teller = teller;
    this.#believe(told, teller);
  }

  get map(): SlotMap {
    return this.#map;
  }

  /** Whom to send a command. Of a slot that nobody serves, and of what is about no key, any node knows what to say. */
  nodeFor(command: Command): string {
    const key = keyOf(command);
    return (key === null ? undefined : this.#map.primaryOf(slotOf(key))) ?? this.#teller;
  }

  /**
   * Asks the nodes that are known, one after the other, until one knows of all slots; or else believes the one that knows
   * best. What none can tell stays as it is known.
   * @param deadline by performance.now()
   * @param first who knows better, as it seems. @param last who seems to be out of it
   */
  async refresh(deadline: number, first: ReadonlySet<string> = NONE, last: ReadonlySet<string> = NONE): Promise<void> {
    let best: { told: ToldSlots; teller: string } | undefined;
    const known = new Set([...first, ...this.#nodes.names, ...this.#map.nodes, ...this.#seeds]);
    for (const teller of [...known].filter((name) => !last.has(name)).concat(...last)) {
      const told = await this.#ask(teller, deadline);
      if (told === null || (best !== undefined && !isBetter(told, best.told))) continue;
      best = { told, teller };
      if (isWhole(told)) break;
    }
    if (best !== undefined && best.told.map.covered > 0) this.#believe(best.told, best.teller);
  }

  /** The maps of all primaries: one that took a slot, or gave it away, knows it before the others do. */
  async maps(deadline: number): Promise<SlotMap[]> {
    const told = await Promise.all(this.#map.primaries.map((name) => this.#ask(name, deadline)));
    return told.flatMap((each) => each?.map ?? []);
  }

  #believe(told: ToldSlots, teller: string): void {
    this.#map = told.map;
    this.#teller = teller;
    if (told.isUp) this.#note([...told.map.nodes].map((name) => this.#nodes.addressOf(name)));
  }

  /** Null where it cannot be asked. One that is not connected to may take half of the time that is left. */
  async #ask(name: string, deadline: number): Promise<ToldSlots | null> {
    const left = (deadline - performance.now()) / 1000;
    if (left <= 0) return null;
    try {
      return await this.#nodes.ask(name, left / 2, askSlots);
    } catch (error) {
      if (error instanceof TtsctlError) return null;
      throw error;
    }
  }
}

const NONE: ReadonlySet<string> = new Set();
