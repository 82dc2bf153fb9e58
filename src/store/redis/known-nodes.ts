import { type Address, addressText } from "./target.ts";

/** The nodes that clusters told of, by those that the settings name, some of which may be gone by now. */
export class KnownNodes {
  readonly #nodes = new Map<string, readonly Address[]>();

  /** Whom to ask: the named ones first. */
  seeds(named: readonly Address[]): Address[] {
    const seeds = [...named, ...(this.#nodes.get(keyOf(named)) ?? [])];
    return [...new Map(seeds.map((node) => [addressText(node), node])).values()];
  }

  note(named: readonly Address[], nodes: readonly Address[]): void {
    this.#nodes.set(keyOf(named), nodes);
  }
}

function keyOf(named: readonly Address[]): string {
  return named.map(addressText).join(" ");
}
