import { setTimeout as sleep } from "node:timers/promises";
import { TtsctlError } from "../../errors.ts";
import { ClusterNodes, type ConnectNode, type Entrance, enterCluster } from "./cluster-nodes.ts";
import { keyOf } from "./command-key.ts";
import type { Command, NodeReply, RedisCommands, Reply } from "./commands.ts";
import { ServerError } from "./errors.ts";
import { redirectOf } from "./redirect.ts";
import type { Script } from "./script.ts";
import { runForEach } from "./script-run.ts";
import { addressOf, nodeName, SlotMap } from "./slot-map.ts";
import { slotOf } from "./slots.ts";
import type { Address } from "./target.ts";

export interface ClusterTarget {
  /** Nodes to ask where the slots are. */
  readonly seeds: readonly Address[];
  readonly connect: ConnectNode;
  /** Seconds. */
  readonly timeout: number;
}

/** Between two attempts where the cluster is not whole, or moves slots faster than its nodes tell. */
const RETRY_MS = 25;

/** A command of a pipeline that is still to be sent. */
interface Due {
  readonly at: number;
  /** The node that takes it this one time, while its slot moves there. */
  readonly ask?: string;
}

/**
 * A Redis Cluster: one connection for each primary that is needed, and each command to the node that serves its key. A
 * command is sent again only where a node said that it did not execute it (MOVED, ASK, TRYAGAIN, CLUSTERDOWN), and no
 * longer than the timeout. A node that is lost ends the client: what was in flight is unknown then.
 */
export class ClusterClient implements RedisCommands {
  readonly isCluster = true;
  readonly where: string;
  readonly #nodes: ClusterNodes;
  readonly #origin: Address;
  readonly #timeoutMs: number;
  #map: SlotMap;

  private constructor({ connect, timeout }: ClusterTarget, { address, node, map }: Entrance) {
    this.where = `${nodeName(address)} (cluster)`;
    this.#origin = address;
    this.#timeoutMs = timeout * 1000;
    this.#map = map;
    this.#nodes = new ClusterNodes(connect, timeout, address);
    this.#nodes.add(nodeName(address), Promise.resolve(node));
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
    return this.#map;
  }

  async command(...command: Command): Promise<Reply> {
    const [reply] = await this.pipeline([command]);
    if (reply instanceof TtsctlError) throw reply;
    return reply!;
  }

  /** To all nodes that have a part in it at the same time. */
  async pipeline(commands: readonly Command[]): Promise<Reply[]> {
    if (commands.length === 1 && commands[0]![0] === "SCAN") return [await this.#scan(commands[0]!)];
    const replies: Reply[] = new Array(commands.length);
    const deadline = performance.now() + this.#timeoutMs;
    let due: readonly Due[] = commands.map((_, at) => ({ at }));
    for (let round = 0; due.length > 0; round++) {
      if (round > 1) await sleep(RETRY_MS);
      due = await this.#send(commands, due, replies);
      if (performance.now() > deadline) break;
    }
    for (const { at } of due) replies[at] = unsettled(replies[at]!);
    return replies;
  }

  async script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> {
    const [reply] = await runForEach(this, script, [{ keys, args }]);
    if (reply instanceof TtsctlError) throw reply;
    return reply!;
  }

  async each(...command: Command): Promise<NodeReply[]> {
    return Promise.all(
      this.#map.primaries.map(async (name) => {
        const node = await this.#nodes.get(name);
        const [reply] = await node.pipeline([command]);
        return { where: node.where, reply: reply! };
      }),
    );
  }

  close(): void {
    this.#nodes.close();
  }

  /** Sends what is due, sets its replies, and returns what a node did not execute. */
  async #send(commands: readonly Command[], due: readonly Due[], replies: Reply[]): Promise<Due[]> {
    const groups = new Map<string, Due[]>();
    for (const item of due) {
      const name = item.ask ?? this.#nodeFor(commands[item.at]!);
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [item]);
      else group.push(item);
    }
    const work = [...groups].map(([name, group]) => this.#sendTo(name, group, commands, replies));
    const ends = await Promise.allSettled(work);
    const again: Due[] = [];
    for (const end of ends) {
      if (end.status === "rejected") throw end.reason;
      again.push(...end.value);
    }
    return again;
  }

  async #sendTo(name: string, group: readonly Due[], commands: readonly Command[], replies: Reply[]): Promise<Due[]> {
    const node = await this.#nodes.get(name);
    const sent: Command[] = [];
    for (const { at, ask } of group) sent.push(...(ask === undefined ? [] : [ASKING]), commands[at]!);
    const answered = await node.pipeline(sent);
    const again: Due[] = [];
    let next = 0;
    for (const { at, ask } of group) {
      if (ask !== undefined) next++;
      replies[at] = answered[next++]!;
      const redirect = redirectOf(replies[at], addressOf(name, this.#origin));
      if (redirect === null) continue;
      if (redirect.kind === "moved") this.#map.move(redirect.slot, redirect.to);
      again.push(redirect.kind === "ask" ? { at, ask: redirect.to } : { at });
    }
    if (again.some((item) => item.ask === undefined)) await this.#refresh(node, addressOf(name, this.#origin));
    return again;
  }

  /** The slots as a node has them now: where one moved, others did. What it cannot tell stays as it is known. */
  async #refresh(node: RedisCommands, address: Address): Promise<void> {
    const [reply] = await node.pipeline([["CLUSTER", "SLOTS"]]);
    if (reply instanceof TtsctlError) return;
    const map = SlotMap.of(reply!, address);
    if (map.covered > 0) this.#map = map;
  }

  /** Any node knows what to say of a slot that nobody serves. */
  #nodeFor(command: Command): string {
    const key = keyOf(command);
    const primary = key === null ? undefined : this.#map.primaryOf(slotOf(key));
    return primary ?? nodeName(this.#origin);
  }

  /**
   * One step of a walk over the keys of all primaries, one after the other; its cursor names the node too. A node that
   * is new meanwhile is walked over if its name comes later; keys that move between nodes meanwhile may be passed over.
   */
  async #scan([, cursor, ...rest]: Command): Promise<Reply> {
    const [own, name] = splitCursor(String(cursor), this.#map.primaries[0] ?? nodeName(this.#origin));
    const node = await this.#nodes.get(name);
    const [reply] = await node.pipeline([["SCAN", own, ...rest]]);
    if (reply instanceof TtsctlError) return reply;
    const [next, keys] = reply as [string, Reply];
    if (next !== DONE) return [`${next}@${name}`, keys];
    const following = this.#map.primaries.find((other) => other > name);
    return [following === undefined ? DONE : `${DONE}@${following}`, keys];
  }
}

const ASKING: Command = ["ASKING"];
/** Where a node's walk begins and ends. */
const DONE = "0";

function splitCursor(cursor: string, first: string): [string, string] {
  const at = cursor.indexOf("@");
  return at < 0 ? [cursor, first] : [cursor.slice(0, at), cursor.slice(at + 1)];
}

/** What a node would not do until the time was up. */
function unsettled(reply: Reply): Reply {
  if (!(reply instanceof ServerError)) return reply;
  return new TtsctlError("REDIS_CLUSTER", `the Redis cluster does not settle in time: ${reply.reply}`, {
    hint: "wait for its failover or resharding to end; `redis-cli --cluster check` tells more",
  });
}
