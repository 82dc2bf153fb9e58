import { TtsctlError } from "../../errors.ts";
import { type Entrance, enterCluster } from "./cluster-entrance.ts";
import { ClusterNodes, type ConnectNode } from "./cluster-nodes.ts";
import { ClusterRouter } from "./cluster-router.ts";
import { ClusterView, type NoteNodes } from "./cluster-view.ts";
import { ClusterWalks } from "./cluster-walks.ts";
import type { Command, NodeReply, RedisCommands, Reply } from "./commands.ts";
import type { Script } from "./script.ts";
import { runForEach } from "./script-run.ts";
import { nodeName, type SlotMap } from "./slot-map.ts";
import type { Address } from "./target.ts";

export interface ClusterTarget {
  /** Nodes to ask where the slots are. */
  readonly seeds: readonly Address[];
  readonly connect: ConnectNode;
  readonly note?: NoteNodes;
  /** Seconds. */
  readonly timeout: number;
}

/**
 * A Redis Cluster: one connection for each primary that is needed, and each command to the node that serves its key. A
 * command is sent again only where a node said that it did not execute it (MOVED, ASK, TRYAGAIN, CLUSTERDOWN) or could not
 * be connected to, and no longer than the timeout. A node that is lost ends the client: what was in flight is unknown
 * then. So does a cluster that stays down, for the nodes that are known may have left it.
 */
export class ClusterClient implements RedisCommands {
  readonly isCluster = true;
  readonly where: string;
  readonly #nodes: ClusterNodes;
  readonly #view: ClusterView;
  readonly #walks: ClusterWalks;
  readonly #router: ClusterRouter;
  readonly #timeoutMs: number;

  private constructor({ seeds, connect, note, timeout }: ClusterTarget, { address, node, told }: Entrance) {
    const name = nodeName(address);
    this.where = `${name} (cluster)`;
    this.#timeoutMs = timeout * 1000;
    this.#nodes = new ClusterNodes(connect, timeout, address);
    this.#nodes.add(name, Promise.resolve(node));
    this.#view = new ClusterView(this.#nodes, seeds, note ?? (() => {}), told, name);
    this.#router = new ClusterRouter(this.#nodes, this.#view, this.#timeoutMs);
    this.#walks = new ClusterWalks(this.#nodes, this.#view, this.#timeoutMs);
  }

  /** @throws TtsctlError REDIS_* with every node that was tried */
  static async connect(target: ClusterTarget): Promise<ClusterClient> {
    return new ClusterClient(target, await enterCluster(target.connect, target.seeds, target.timeout));
  }

  get lost(): Promise<TtsctlError> {
    return this.#nodes.lost;
  }

  /** How the slots lie, as far as it is known here. */
  get map(): SlotMap {
    return this.#view.map;
  }

  async command(...command: Command): Promise<Reply> {
    const [reply] = await this.pipeline([command]);
    if (reply instanceof TtsctlError) throw reply;
    return reply!;
  }

  /** To all nodes that have a part in it at the same time. The steps of walks are sent by themselves. */
  async pipeline(commands: readonly Command[]): Promise<Reply[]> {
    const [first] = commands;
    if (first?.[0] === "SCAN") return Promise.all(commands.map((command) => this.#walks.stepKeys(command)));
    if (first?.[0] === "ZSCAN") return this.#walks.stepIndexes(commands, (steps) => this.#router.settle(steps));
    return (await this.#router.settle(commands)).replies;
  }

  async script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> {
    const [reply] = await runForEach(this, script, [{ keys, args }]);
    if (reply instanceof TtsctlError) throw reply;
    return reply!;
  }

  async each(...command: Command): Promise<NodeReply[]> {
    return Promise.all(
      (await this.#primaries()).map(async (node) => {
        const [reply] = await node.pipeline([command]);
        return { where: node.where, reply: reply! };
      }),
    );
  }

  close(): void {
    this.#nodes.close();
  }

  /** Connected to; one that cannot be may be none any more. */
  async #primaries(): Promise<RedisCommands[]> {
    try {
      return await Promise.all(this.map.primaries.map((name) => this.#nodes.reach(name)));
    } catch {
      await this.#view.refresh(performance.now() + this.#timeoutMs);
      return Promise.all(this.map.primaries.map((name) => this.#nodes.get(name)));
    }
  }
}
