import { TtsctlError } from "../../errors.ts";
import type { ClusterNodes } from "./cluster-nodes.ts";
import type { Answers } from "./cluster-router.ts";
import type { ClusterView } from "./cluster-view.ts";
import type { Command, Reply } from "./commands.ts";

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
  /** Whose cursor it is; null at the beginning. */
  readonly node: string | null;
  readonly again: number;
}

/**
 * Walks in a cluster, where slots move from node to node meanwhile. A walk gives back what is there throughout at least
 * once: where it may have passed over something, it begins again by itself, and gives up after some times.
 */
export class ClusterWalks {
  readonly #nodes: ClusterNodes;
  readonly #view: ClusterView;
  readonly #timeoutMs: number;

  constructor(nodes: ClusterNodes, view: ClusterView, timeoutMs: number) {
    this.#nodes = nodes;
    this.#view = view;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * One step (`SCAN`) of a walk over the keys of all primaries, one after the other. Where a slot has another primary at
   * its end than at its beginning, it begins again.
   */
  async stepKeys([name, cursor, ...rest]: Command): Promise<Reply> {
    const at = cursor === DONE ? { own: DONE, again: 0, ...(await this.#survey()) } : (parse(cursor!) as KeyCursor);
    const [here, ...later] = at.nodes;
    const node = await this.#nodes.get(here!);
    const [reply] = await node.pipeline([[name!, at.own, ...rest]]);
    if (reply instanceof TtsctlError) return reply;
    const [own, keys] = reply as [string, Reply];
    if (own !== DONE) return [JSON.stringify({ ...at, own }), keys];
    if (later.length > 0) return [JSON.stringify({ ...at, own, nodes: later }), keys];
    const end = await this.#survey();
    if (end.print === at.print) return [DONE, keys];
    if (at.again === MAX_AGAIN) return movesOn("the keys");
    return [JSON.stringify({ own, again: at.again + 1, ...end }), keys];
  }

  /**
   * One step each (`ZSCAN`) of walks over indexes. Only the node that gave a cursor can go on with it: where the index
   * is another's by now, its walk begins again.
   */
  async stepIndexes(commands: readonly Command[], send: (commands: Command[]) => Promise<Answers>): Promise<Reply[]> {
    const cursors = commands.map(([, , cursor]) => parseIndexCursor(cursor!));
    const { replies, by } = await send(commands.map((command, i) => withCursor(command, cursors[i]!.own)));
    const isStrayed = (i: number) => ![null, by[i]].includes(cursors[i]!.node) && Array.isArray(replies[i]);
    const strayed = [...commands.keys()].filter(isStrayed);
    if (strayed.length > 0) {
      const again = await send(strayed.map((i) => withCursor(commands[i]!, DONE)));
      strayed.forEach((i, at) => {
        replies[i] = cursors[i]!.again === MAX_AGAIN ? movesOn(String(commands[i]![1])) : again.replies[at]!;
        by[i] = again.by[at]!;
        cursors[i] = { ...cursors[i]!, again: cursors[i]!.again + 1 };
      });
    }
    return replies.map((reply, i) => {
      if (!Array.isArray(reply) || reply[0] === DONE) return reply;
      const cursor = { own: String(reply[0]), node: by[i]!, again: cursors[i]!.again } satisfies IndexCursor;
      return [JSON.stringify(cursor), reply[1]!];
    });
  }

  /** The primaries there are, also those that only one of the others knows of yet, and how all say that the slots lie. */
  async #survey(): Promise<Pick<KeyCursor, "nodes" | "print">> {
    const deadline = performance.now() + this.#timeoutMs;
    await this.#view.refresh(deadline);
    const maps = [this.#view.map, ...(await this.#view.maps(deadline))];
    const nodes = [...new Set(maps.flatMap((map) => map.primaries))].sort();
    return { nodes, print: [...new Set(maps.map((map) => map.print))].sort().join() };
  }
}

function parse(cursor: string | number): unknown {
  return JSON.parse(String(cursor));
}

function parseIndexCursor(cursor: string | number): IndexCursor {
  return cursor === DONE ? { own: DONE, node: null, again: 0 } : (parse(cursor) as IndexCursor);
}

function withCursor([name, key, , ...rest]: Command, cursor: string): Command {
  return [name!, key!, cursor, ...rest];
}

function movesOn(what: string): TtsctlError {
  return new TtsctlError("REDIS_CLUSTER", `the slots of the Redis cluster keep moving: ${what} cannot be read whole`, {
    hint: "wait for its failover or resharding to end; `redis-cli --cluster check` tells more",
  });
}
