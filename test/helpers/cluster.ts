import { freePort, Redis, RedisServer } from "./redis.ts";
import { RespError, type RespReply } from "./resp.ts";
import { until } from "./until.ts";

type Command = readonly (string | number)[];

const SLOTS = 16_384;
/** How long a node may be silent before the others take it for dead, milliseconds: soon if it has a replica. */
const [SOON, LATE] = [600, 5000];
type Role = [role: string, host: string, port: number, state: string];

/** Commands about all that there is: every primary is asked. */
const EVERYWHERE = new Set(["FLUSHALL", "KEYS", "DBSIZE", "SCRIPT"]);

/** A real Redis Cluster of a test's own: primaries with a share of the slots each, and if wanted a replica of each. */
export class RedisCluster extends Redis {
  /** The primaries that it began with, then their replicas in the same order. */
  readonly nodes: readonly RedisServer[];
  readonly #primaries: number;
  /** The node of each slot, as redirects reported it. */
  readonly #owners = new Map<string, RedisServer>();

  private constructor(nodes: readonly RedisServer[], primaries: number) {
    super();
    this.nodes = nodes;
    this.#primaries = primaries;
  }

  /** @param options args: more of each server's arguments; argsOfEach: those that are another's for each */
  static async start({
    primaries = 3,
    replicas = false,
    args = [] as readonly string[],
    argsOfEach = async (): Promise<readonly string[]> => [],
  } = {}): Promise<RedisCluster> {
    const nodes: RedisServer[] = [];
    const quick = ["--cluster-node-timeout", `${replicas ? SOON : LATE}`];
    for (let i = 0; i < primaries * (replicas ? 2 : 1); i++)
      nodes.push(await startNode([...quick, ...args, ...(await argsOfEach())]));
    const cluster = new RedisCluster(nodes, primaries);
    await cluster.#meet();
    await cluster.#giveSlots();
    if (replicas) await cluster.#replicate();
    await cluster.isWhole();
    return cluster;
  }

  /** That of one of its nodes, which is enough to find the others. */
  get port(): number {
    return this.nodes[0]!.port;
  }

  get url(): string {
    return this.nodes[0]!.url;
  }

  get socket(): string {
    return this.nodes[0]!.socket;
  }

  get folder(): string {
    return this.nodes[0]!.folder;
  }

  get place() {
    return { kind: "cluster" as const, nodes: this.nodes.map(({ port }) => ({ host: "127.0.0.1", port })) };
  }

  get primaries(): readonly RedisServer[] {
    return this.nodes.slice(0, this.#primaries);
  }

  /** What a `[redis]` section says of it. */
  get config(): string {
    return `cluster = true\nnodes = ${this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(", ")}\n`;
  }

  /** One command to the node that serves its key, or to all primaries. */
  async call(...command: (string | number)[]): Promise<RespReply> {
    const [name, ...keys] = command;
    if (EVERYWHERE.has(String(name))) return this.#everywhere(command);
    if (name === "DEL" && keys.length > 1) {
      for (const key of keys) await this.call("DEL", key);
      return keys.length;
    }
    return this.#routed(command);
  }

  async pipeline(commands: readonly Command[]): Promise<RespReply[]> {
    return Promise.all(
      commands.map((command) =>
        this.call(...command).catch((error: unknown) => {
          if (error instanceof RespError) return error as Error;
          throw error;
        }),
      ),
    );
  }

  /** Everything in it, to see that nothing changed. */
  async dump(): Promise<Record<string, string>> {
    const dumps = await Promise.all((await this.#serving()).map((node) => node.dump()));
    return Object.assign({}, ...dumps);
  }

  /** The node that serves a key now. */
  async serverOf(key: string): Promise<RedisServer> {
    await this.#routed(["EXISTS", key]);
    return this.#owners.get(key)!;
  }

  /** Begins to move a slot between primaries: new keys go to the target, those that are there stay until `moveKeys`. */
  async beginMove(slot: number, from: RedisServer, to: RedisServer): Promise<void> {
    await to.call("CLUSTER", "SETSLOT", slot, "IMPORTING", String(await from.call("CLUSTER", "MYID")));
    await from.call("CLUSTER", "SETSLOT", slot, "MIGRATING", String(await to.call("CLUSTER", "MYID")));
  }

  async moveKeys(from: RedisServer, to: RedisServer, ...keys: string[]): Promise<void> {
    await from.call("MIGRATE", "127.0.0.1", to.port, "", 0, 2000, "KEYS", ...keys);
  }

  /** Ends the move: from now on the target serves the slot, and every node knows. */
  async endMove(slot: number, from: RedisServer, to: RedisServer): Promise<void> {
    const keys = (await from.call("CLUSTER", "GETKEYSINSLOT", slot, 1000)) as string[];
    if (keys.length > 0) await this.moveKeys(from, to, ...keys);
    const id = String(await to.call("CLUSTER", "MYID"));
    for (const node of [to, from, ...this.primaries]) await node.call("CLUSTER", "SETSLOT", slot, "NODE", id);
    this.#owners.clear();
  }

  /** Waits until every node that runs sees all slots served, by the same nodes. */
  async isWhole(): Promise<void> {
    const running = this.nodes.filter(({ isRunning }) => isRunning);
    const served = new RegExp(`cluster_state:ok[^]*cluster_slots_ok:${SLOTS}`); // a replica may load its data again
    const isServed = async (node: RedisServer) => served.test(`${await node.call("CLUSTER", "INFO").catch(() => "")}`);
    for (const node of running) await until(() => isServed(node));
    await until(async () => new Set(await Promise.all(running.map(ownersOf))).size === 1);
  }

  /** All of it again, empty, after `stop`. */
  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
    await this.isWhole();
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  suspend(): void {
    for (const node of this.nodes) node.suspend();
  }

  resume(): void {
    for (const node of this.nodes) node.resume();
  }

  /** Kills the primary that serves a key with -9, and waits until its replica has taken its place. */
  async failOver(key: string): Promise<void> {
    await (await this.serverOf(key)).stop();
    await this.isWhole();
    await until(() =>
      this.call("EXISTS", key).then(
        () => true,
        () => false,
      ),
    );
  }

  /** Empties it, with all nodes running and in their places again, after failovers too. */
  async heal(): Promise<void> {
    for (const node of this.nodes) {
      if (node.isRunning) node.resume();
      else await node.start();
    }
    await this.isWhole();
    await until(async () => {
      const roles = [...(await this.#roles()).values()];
      const replicas = roles.filter(([role, , , state]) => role === "slave" && state === "connected");
      return replicas.length === this.nodes.length - this.#primaries;
    });
    this.#owners.clear();
    await this.call("FLUSHALL");
  }

  async remove(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.remove()));
  }

  async #everywhere(command: Command): Promise<RespReply> {
    const replies = await Promise.all((await this.#serving()).map((node) => node.call(...command)));
    if (Array.isArray(replies[0])) return replies.flat();
    if (typeof replies[0] === "number") return (replies as number[]).reduce((sum, count) => sum + count, 0);
    return replies[0]!;
  }

  /** The nodes that are primaries now. */
  async #serving(): Promise<RedisServer[]> {
    return [...(await this.#roles())].flatMap(([node, [role]]) => (role === "master" ? [node] : []));
  }

  /** What the nodes that run answer to ROLE; a replica's: its primary and its link. */
  async #roles(): Promise<Map<RedisServer, Role>> {
    const running = this.nodes.filter((node) => node.isRunning);
    const roles = await Promise.all(running.map((node) => node.call("ROLE")));
    return new Map(running.map((node, i) => [node, roles[i] as Role]));
  }

  async #routed(command: Command): Promise<RespReply> {
    const key = String(command[1]);
    for (let tries = 0; ; tries++) {
      const known = this.#owners.get(key);
      const node = known?.isRunning ? known : this.nodes.find(({ isRunning }) => isRunning)!;
      try {
        const reply = await node.call(...command);
        this.#owners.set(key, node);
        return reply;
      } catch (error) {
        const port = /^MOVED \d+ .*:(\d+)$/.exec((error as Error).message)?.[1];
        if (port === undefined || tries === 5) throw error;
        this.#owners.set(key, this.nodes.find((other) => other.port === Number(port))!);
      }
    }
  }

  async #meet(): Promise<void> {
    const [first, ...others] = this.nodes;
    for (const node of others) await node.call("CLUSTER", "MEET", "127.0.0.1", first!.port, await busPort(first!));
    for (const node of this.nodes) {
      await until(async () => {
        return String(await node.call("CLUSTER", "INFO")).includes(`cluster_known_nodes:${this.nodes.length}\r`);
      });
    }
  }

  async #giveSlots(): Promise<void> {
    const share = SLOTS / this.#primaries;
    for (const [i, node] of this.primaries.entries()) {
      const [from, to] = [Math.round(i * share), Math.round((i + 1) * share) - 1];
      await node.call("CLUSTER", "ADDSLOTSRANGE", from, to);
      await node.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1).catch(() => {}); // it may have one by then
    }
  }

  async #replicate(): Promise<void> {
    for (const [i, primary] of this.primaries.entries()) {
      const replica = this.nodes[this.#primaries + i]!;
      const id = String(await primary.call("CLUSTER", "MYID"));
      await until(async () => String(await replica.call("CLUSTER", "NODES")).includes(id));
      await replica.call("CLUSTER", "REPLICATE", id);
      await until(async () => String(await replica.call("INFO", "replication")).includes("master_link_status:up"));
    }
  }
}

const shared = new Map<boolean, Promise<RedisCluster>>();

/** The cluster of this process, healed. It isn't removed; a test may only change what `heal` undoes. */
export async function sharedCluster({ replicas = false } = {}): Promise<RedisCluster> {
  if (!shared.has(replicas)) shared.set(replicas, RedisCluster.start({ replicas }));
  const cluster = await shared.get(replicas)!;
  await cluster.heal();
  return cluster;
}

async function startNode(more: readonly string[]): Promise<RedisServer> {
  const bus = await freePort();
  const cluster = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", `${bus}`];
  return RedisServer.start(...cluster, "--repl-diskless-sync-delay", "0", ...more);
}

/** Which node has which slots, as a node sees it. */
async function ownersOf(node: RedisServer): Promise<string> {
  const ranges = (await node.call("CLUSTER", "SLOTS").catch(() => [])) as [number, number, [string, number]][];
  return String(ranges.map(([first, last, [, port]]) => [first, last, port]).sort());
}

async function busPort(node: RedisServer): Promise<number> {
  const line = String(await node.call("CLUSTER", "NODES"))
    .split("\n")
    .find((text) => text.includes("myself"))!;
  return Number(/@(\d+)/.exec(line)![1]);
}
