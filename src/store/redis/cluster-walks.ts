import { createHash } from "node:crypto";
import { TtsctlError } from "../../errors.ts";
import { askSlots, primariesOf, type SlotMap } from "./cluster-slots.ts";
import type { Command, RedisCommands, Reply } from "./commands.ts";
import { ServerError, unsettledError } from "./errors.ts";
import type { Address } from "./target.ts";

/** Where a node's walk begins and ends. */
const DONE = "0";
/** How often a walk begins again because slots moved meanwhile. */
const MAX_AGAIN = 5;

/** How far a walk over the keys came. */
interface KeyCursor {
  /** The node's own. */
  readonly own: string;
  /** The node that it is at, and those that come after it. */
  readonly nodes: readonly string[];
  /** How the slots lay when it began. */
  readonly print: string;
  readonly again: number;
}

/** How far a walk over an index came. */
interface IndexCursor {
  readonly own: string;
  /** The node that the cursor is of. */
  readonly node: string;
  readonly again: number;
}

/** The nodes of a cluster, by their names, as far as they are known. */
interface Nodes {
  primaries(): readonly string[];
  primaryOf(key: string): string;
  addressOf(name: string): Address;
  connectTo(name: string): Promise<RedisCommands>;
}

/**
 * Walks in a cluster, where slots move from node to node. A walk gives back what is there throughout at least once: where
 * it may have passed over something, it begins again by itself, and gives up after some times.
 */
export class ClusterWalks {
  readonly #nodes: Nodes;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  /**
   * One step (`SCAN`) of a walk over the keys of all primaries, one after the other. Where a slot has another primary at
   * its end than at its beginning, it begins again.
   */
  async stepKeys([name, cursor, ...rest]: Command): Promise<Reply> {
    const at = cursor === DONE ? { own: DONE, again: 0, ...(await this.#survey()) } : parse<KeyCursor>(cursor!);
    const [here, ...later] = at.nodes;
    const node = await this.#nodes.connectTo(here!);
    const [own, keys] = (await node.command(name!, at.own, ...rest)) as [string, Reply];
    if (own !== DONE) return [JSON.stringify({ ...at, own }), keys];
    if (later.length > 0) return [JSON.stringify({ ...at, own, nodes: later }), keys];
    const end = await this.#survey();
    if (end.print === at.print) return [DONE, keys];
    if (at.again === MAX_AGAIN) throw movesOn("the keys");
    return [JSON.stringify({ own, again: at.again + 1, ...end }), keys];
  }

  /** One step (`ZSCAN`) of a walk over an index. Another node cannot go on with the cursor, so it begins again there. */
  async stepIndex([name, key, cursor, ...rest]: Command): Promise<Reply> {
    const start = { own: DONE, node: this.#nodes.primaryOf(String(key)), again: 0 };
    let at = cursor === DONE ? start : parse<IndexCursor>(cursor!);
    for (let redirects = 0; at.again <= MAX_AGAIN && redirects <= MAX_AGAIN; redirects++) {
      const node = await this.#nodes.connectTo(at.node);
      const [, reply] = await node.pipeline([["ASKING"], [name!, key!, at.own, ...rest]]);
      const to = reply instanceof ServerError && /^(?:MOVED|ASK) \d+ (.+)/.exec(reply.reply)?.[1];
      if (to) {
        at = { own: DONE, node: to, again: at.again + (at.own === DONE ? 0 : 1) };
        continue;
      }
      if (reply instanceof TtsctlError) throw reply;
      const [own, members] = reply as [string, Reply];
      return [own === DONE ? DONE : JSON.stringify({ ...at, own }), members];
    }
    throw movesOn(String(key));
  }

  /** The primaries there are, also those that only one of the others knows of yet, and how all say that the slots lie. */
  async #survey(): Promise<Pick<KeyCursor, "nodes" | "print">> {
    const told = await Promise.all(this.#nodes.primaries().map((name) => this.#ask(name)));
    const maps = told.filter((map): map is SlotMap => !(map instanceof TtsctlError));
    if (maps.length === 0) throw told[0];
    const nodes = [...new Set(maps.flatMap(({ primaries }) => primariesOf(primaries)))].sort();
    return { nodes, print: [...new Set(maps.map(printOf))].sort().join() };
  }

  async #ask(name: string): Promise<SlotMap | TtsctlError> {
    try {
      return await askSlots(await this.#nodes.connectTo(name), this.#nodes.addressOf(name));
    } catch (error) {
      if (error instanceof TtsctlError) return error;
      throw error;
    }
  }
}

/** The same text for maps by which every slot is served by the same primary. */
function printOf({ primaries }: SlotMap): string {
  return createHash("sha1").update(primaries.join()).digest("hex");
}

function parse<Cursor>(cursor: string | number): Cursor {
  return JSON.parse(String(cursor));
}

function movesOn(what: string): ServerError {
  return unsettledError(`the slots of the Redis cluster keep moving: ${what} cannot be read whole`);
}
