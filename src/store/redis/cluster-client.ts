import { Cluster, type Redis, Command as RedisCommand, ReplyError } from "ioredis";
import { systemClock, within } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import type { Address } from "../../printable.ts";
import { nodeOptions, type RedisClient } from "./client.ts";
import {
  addressOf,
  askSlots,
  connectToNode,
  type Entrance,
  enterCluster,
  nodeName,
  primariesOf,
} from "./cluster-slots.ts";
import type { Command, NodeReply, Script } from "./commands.ts";
import { Connection, guardQueue, sendScript } from "./connection.ts";
import { connectionError, ServerError, timeoutError, unsettledError } from "./errors.ts";
import { notRedis, START } from "./reply-shape.ts";
import { slotOf } from "./slots.ts";
import { describeNode, type RedisTarget } from "./target.ts";
import { tlsOptions } from "./tls.ts";

export interface Seeds {
  /** Asked first for the slots. */
  readonly nodes: readonly Address[];
  /** Called with the nodes of the cluster whenever one of them lists them. */
  readonly note: (nodes: readonly Address[]) => void;
}

/** A connection to the node of a slot. */
interface Link {
  /** Whether commands may have been sent over it. */
  isReached: boolean;
}

/** A command that was sent, and the node that served its slot then. */
interface Attempt {
  readonly slot: number;
  readonly cluster: Cluster;
  readonly name: string;
  /** None if ioredis had to send it to any node. */
  readonly link: Link | undefined;
}

// ioredis leaves out nodes whose host is null or empty, which means the host of the node that was asked. Also, if a node knows
// no slots, ioredis would end all connections.
RedisCommand.setReplyTransformer("cluster", (reply: unknown) => {
  if (!Array.isArray(reply) || reply.length === 0) throw new Error("it has no slots");
  for (const range of reply) {
    for (const node of range) if (Array.isArray(node)) node[0] ||= "?";
  }
  return reply;
});

/**
 * A Redis Cluster by the client of ioredis, which repeats a command only if a node didn't execute it (MOVED, ASK, TRYAGAIN).
 * If a slot is down, or its node can't be connected to, the nodes are asked which one serves it now, within the timeout. A
 * lost node ends the client, because the outcome of commands in flight is unknown; so does a cluster that stays down.
 * Commands without a key, or about a node, have their own connections.
 */
export class ClusterClient extends Connection {
  readonly isCluster = true;
  readonly #target: RedisTarget;
  readonly #seeds: Seeds;
  /** Has the current map; those before it are for commands in flight. */
  #cluster!: Cluster;
  readonly #clusters = new Set<Cluster>();
  /** The connections for commands without a key, by the names of their nodes. */
  readonly #nodes = new Map<string, Promise<RedisClient>>();
  /** The connections for commands about keys, and why some failed, by the names of their nodes. */
  readonly #links = new WeakMap<Cluster, Map<string, Link>>();
  readonly #errors = new Map<string, Error>();
  /** The node of the current map. */
  #origin: Address;
  #entering: Promise<void> | undefined;
  #isClosed = false;

  private constructor(target: RedisTarget, seeds: Seeds, origin: Address) {
    super(`${nodeName(origin)} (cluster)`, target);
    this.#target = target;
    this.#seeds = seeds;
    this.#origin = origin;
  }

  /** @throws TtsctlError REDIS_* with every node that was tried */
  static async connect(target: RedisTarget, seeds: Seeds): Promise<ClusterClient> {
    const end = systemClock.monotonic() + target.timeout;
    const entrance = await enterCluster(target, seeds.nodes, target.timeout);
    const client = new ClusterClient(target, seeds, entrance.address);
    try {
      await client.#use(entrance, end);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  async each(...command: Command): Promise<NodeReply[]> {
    const connect = () => Promise.all(this.#primaries.map((name) => this.#node(name)));
    const nodes = await connect().catch(async () => {
      await this.#enterAgain(this.#cluster, systemClock.monotonic() + this.#target.timeout); // it may be none any more
      return connect().catch((error) => Promise.reject(this.lose(error)));
    });
    return (await Promise.all(nodes.map((node) => node.each(...command)))).flat();
  }

  close(): void {
    this.#isClosed = true;
    for (const cluster of this.#clusters) cluster.disconnect();
    for (const node of this.#nodes.values()) node.then((made) => made.close()).catch(() => {});
  }

  override async *scan([, key]: readonly string[], ...rest: Command): AsyncGenerator<string[]> {
    try {
      yield* key === undefined ? this.#scanKeys(rest) : this.#scanIndex(key, rest);
    } catch (error) {
      throw error instanceof TtsctlError && !(error instanceof ServerError) ? this.lose(error) : error;
    }
  }

  // Slots move from node to node. A scan that may have missed something for that reason begins again.

  /** Scans the keys of all primaries, one after the other, again if a slot has another primary at the end. */
  async *#scanKeys(rest: Command): AsyncGenerator<string[]> {
    let { names, owners } = await this.#survey();
    for (let again = 0; ; again++) {
      for (const name of names) yield* (await this.#node(name)).scan(["SCAN"], ...rest);
      const end = await this.#survey();
      if (end.owners === owners) return;
      if (again === MAX_AGAIN) throw keepsMoving("the keys");
      ({ names, owners } = end);
    }
  }

  /** Scans an index, again if its slot moves: a cursor is only good for the node that gave it. */
  async *#scanIndex(key: string, rest: Command): AsyncGenerator<string[]> {
    let [cursor, name, again] = [START, "", 0];
    const step = async (): Promise<string[]> => {
      if (cursor === START) name = this.#primaryOf(slotOf(this.prefix + key));
      for (let redirects = 0; again <= MAX_AGAIN && redirects <= MAX_AGAIN; redirects++) {
        const node = await this.#node(name);
        const [, reply] = await node.pipeline([["ASKING"], ["ZSCAN", key, cursor, ...rest]]);
        const to = reply instanceof ServerError && /^(?:MOVED|ASK) \d+ (.+)/.exec(reply.reply)?.[1];
        if (!to && reply instanceof TtsctlError) throw reply;
        if (!to) {
          const [next, members] = reply as [string, string[]];
          if (next === cursor && next !== START)
            throw notRedis(`keeps answering ZSCAN with cursor ${next}`, node.where);
          cursor = next;
          return members;
        }
        if (cursor !== START) again++;
        [cursor, name] = [START, to];
      }
      throw keepsMoving(key);
    };
    do yield await this.#follow(key, step);
    while (cursor !== START);
  }

  /** All primaries that any node lists, with their slots, combined from all nodes. */
  async #survey(): Promise<{ names: string[]; owners: string }> {
    const asked = this.#primaries.map(async (name) => askSlots(await this.#node(name), addressOf(name, this.#origin)));
    const replies = await Promise.allSettled(asked);
    const maps = replies.flatMap((reply) => (reply.status === "fulfilled" ? [reply.value.primaries] : []));
    if (maps.length === 0) throw (replies[0] as PromiseRejectedResult).reason;
    return { names: primariesOf(maps.flat()), owners: [...new Set(maps.map(String))].sort().join() };
  }

  protected send(command: Command): Promise<unknown> {
    const [name, ...args] = command;
    const isAboutKeys = new RedisCommand(String(name), args).getKeys().length > 0;
    if (isAboutKeys) return this.#follow(String(args[0]), (cluster) => cluster.call(String(name), ...args));
    return this.#node(nodeName(this.#origin)).then((node) => node.command(...command));
  }

  protected sendScript(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.#follow(keys[0]!, (cluster) => sendScript(cluster, script, keys, args));
  }

  protected streams(): Redis["stream"][] {
    return this.#cluster.nodes("master").map(({ stream }) => stream);
  }

  protected late(): TtsctlError {
    const isHung = ({ commandQueue, status }: Redis) => commandQueue.length > 0 || status === "connecting";
    const hung = this.#cluster.nodes().find(isHung);
    return timeoutError(hung === undefined ? this.where : this.#describe(nameOf(hung)));
  }

  protected failed(error: unknown): TtsctlError {
    return connectionError(error, this.where);
  }

  get #primaries(): string[] {
    return primariesOf(this.#cluster.slots.map(([primary]) => primary));
  }

  /** Any node if the slot is unassigned. */
  #primaryOf(slot: number): string {
    return this.#cluster.slots[slot]?.[0] ?? nodeName(this.#origin);
  }

  #describe(name: string): string {
    return describeNode({ ...this.#target, place: { kind: "node", ...addressOf(name, this.#origin) } });
  }

  /** Sends a command, and again as long as no node executes it. */
  #follow<T>(key: string, send: (cluster: Cluster) => Promise<T>): Promise<T> {
    const deadline = systemClock.monotonic() + this.#target.timeout;
    const slot = slotOf(this.prefix + key);
    const attempt = (): Promise<T> => {
      const cluster = this.#cluster;
      const name = this.#primaryOf(slot);
      const link = this.#links.get(cluster)?.get(name);
      if (this.#isClosed) return Promise.reject(this.failed("the connection was closed"));
      return send(cluster).catch(async (error: Error) => {
        await this.#mayRepeat(error, { slot, cluster, name, link }, deadline);
        return attempt();
      });
    };
    return attempt();
  }

  /** Waits until a command may be sent again. @throws TtsctlError if it may have run, or the time is up */
  async #mayRepeat(error: Error, { slot, cluster, name, link }: Attempt, deadline: number): Promise<void> {
    const [, refusal] = REFUSAL.exec(error instanceof ServerError ? error.reply : error.message) ?? [];
    if (refusal !== undefined) {
      const pause = this.#target.timeout / 10;
      if (systemClock.monotonic() + 3 * pause > deadline) throw this.#unsettled(`slot ${slot} at ${name}`, refusal);
      await systemClock.sleep(Math.min(pause, MAX_PAUSE_S) * 1000);
      return this.#enterAgain(cluster, deadline);
    }
    if (error instanceof ServerError) throw error;
    if (error instanceof ReplyError) throw this.serverError(error, this.#describe(name));
    const isOfWalk = error instanceof TtsctlError;
    const failure = isOfWalk ? error : this.#failure(name);
    const mayHaveRun = !isOfWalk && link?.isReached !== false;
    if (!mayHaveRun) await this.#enterAgain(cluster, deadline);
    if (mayHaveRun || this.#cluster === cluster || systemClock.monotonic() > deadline) throw this.lose(failure);
  }

  #unsettled(what: string, refusal: string): ServerError {
    const error = unsettledError(`the Redis cluster does not settle in time: ${what}: ${refusal}`, refusal);
    if (!refusal.startsWith("TRYAGAIN")) this.lose(error);
    return error;
  }

  #failure(name: string, otherwise: unknown = "the connection was closed"): TtsctlError {
    const [error, where] = [this.#errors.get(name) ?? otherwise, this.#describe(name)];
    return error instanceof ReplyError ? this.serverError(error as Error, where) : connectionError(error, where);
  }

  /** Asks the nodes for the slots, unless another command did since. If none responds with a map, the current one is kept. */
  async #enterAgain(cluster: Cluster, deadline: number): Promise<void> {
    if (this.#cluster !== cluster || this.#isClosed) return;
    this.#entering ??= this.#enter(deadline).finally(() => {
      this.#entering = undefined;
    });
    await this.#entering;
  }

  async #enter(deadline: number): Promise<void> {
    const { slots } = this.#cluster;
    const nodes = [...nodesOf(this.#cluster), ...this.#seeds.nodes];
    const unique = [...new Map(nodes.map((node) => [nodeName(node), node])).values()];
    try {
      const entrance = await enterCluster(this.#target, unique, (deadline - systemClock.monotonic()) / 2);
      if (entrance.map.primaries.some((name, slot) => name !== slots[slot]?.[0])) await this.#use(entrance, deadline);
      else entrance.node.close();
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error;
    }
  }

  async #use({ address, node, map }: Entrance, deadline: number): Promise<void> {
    if (this.#nodes.has(nodeName(address))) node.close();
    else this.#keep(nodeName(address), Promise.resolve(node));
    const before = this.#cluster as Cluster | undefined;
    const cluster = await this.#clusterAt(address, deadline);
    this.#cluster = cluster;
    this.#origin = address;
    if (before !== undefined) void systemClock.sleep(this.timeoutMs, undefined, true).then(() => this.#leave(before));
    if (map.isUp) this.#seeds.note([...map.nodes].map((name) => addressOf(name, address)));
    cluster.on("refresh", () => this.#seeds.note(nodesOf(cluster)));
    if (this.#isClosed) this.close();
  }

  async #clusterAt(origin: Address, deadline: number): Promise<Cluster> {
    const { tls, username, password, timeout } = this.#target;
    const tlsFor = tls === null ? null : await tlsOptions(tls);
    const nodeAt = ({ host, port }: Address) => ({ host, port, ...(tlsFor && { tls: tlsFor(host) }) });
    const cluster = new Cluster([nodeAt(origin)], {
      natMap: (name) => nodeAt(addressOf(name, origin)),
      dnsLookup: (host, done) => done(null, host),
      lazyConnect: true,
      clusterRetryStrategy: () => null,
      enableReadyCheck: false,
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      slotsRefreshTimeout: this.timeoutMs,
      keyPrefix: this.prefix,
      redisOptions: {
        ...nodeOptions({ timeout: timeout / 2 }),
        reconnectOnError: hideTryAgain,
        ...(username !== null && { username }),
        ...(password !== null && { password }),
      },
    });
    const links = new Map<string, Link>();
    this.#links.set(cluster, links);
    cluster.on("error", () => {});
    cluster.on("node error", (error: Error, name: string) => this.#errors.set(name, error));
    cluster.on("+node", (redis: Redis) => this.#watch(cluster, links, redis));
    this.#clusters.add(cluster);
    const where = this.#describe(nodeName(origin));
    try {
      const leftMs = (deadline - systemClock.monotonic()) * 1000;
      await within(systemClock, leftMs, cluster.connect(), () => Promise.reject(timeoutError(where)));
      return cluster;
    } catch (error) {
      this.#leave(cluster);
      throw error instanceof TtsctlError ? error : this.#failure(nodeName(origin), error);
    }
  }

  #leave(cluster: Cluster): void {
    cluster.disconnect();
    this.#clusters.delete(cluster);
  }

  /** If a node serves no slot any more, ioredis ends its connection; if another one ends, commands may be lost. */
  #watch(cluster: Cluster, links: Map<string, Link>, redis: Redis): void {
    const name = nameOf(redis);
    const link = { isReached: false };
    links.set(name, link);
    ignoreAsked(redis);
    redis.on("connect", () => {
      link.isReached = true;
      guardQueue(redis, (why) => this.drop(why), this.#describe(name));
    });
    redis.on("end", () => {
      if (links.get(name) !== link) return; // there is another one to the node
      links.delete(name);
      if (link.isReached && cluster === this.#cluster && this.#primaries.includes(name)) this.lose(this.#failure(name));
    });
  }

  /** The connection to a node for commands without a key. @throws TtsctlError REDIS_* */
  #node(name: string): Promise<RedisClient> {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const node = connectToNode(this.#target, addressOf(name, this.#origin));
    this.#keep(name, node);
    return node;
  }

  #keep(name: string, node: Promise<RedisClient>): void {
    this.#nodes.set(name, node);
    node.then(
      (made) => {
        if (this.#isClosed) made.close();
        else void made.lost.then((why) => this.lose(why));
      },
      () => this.#nodes.delete(name),
    );
  }
}

/** How often a scan begins again because slots moved. */
const MAX_AGAIN = 5;

function keepsMoving(what: string): ServerError {
  return unsettledError(`the slots of the Redis cluster keep moving: ${what} can't be read completely`);
}

/** The reply of a node that didn't execute a command; ioredis gives up after some redirections. */
const REFUSAL =
  /^(?:Too many Cluster redirections. Last error: ReplyError: |-)?((?:CLUSTERDOWN|TRYAGAIN|MOVED|ASK) .*)/;

/** If ioredis knew it, it would send the command to a random node. */
function hideTryAgain(error: Error): false {
  error.message = error.message.replace(/^TRYAGAIN/, "-TRYAGAIN");
  return false;
}

/** ioredis drops the promise of an ASKING; if that fails, so does the command after it. */
function ignoreAsked(redis: Redis): void {
  const asking = redis.asking.bind(redis);
  redis.asking = () => {
    const asked = asking();
    asked.catch(() => {});
    return asked;
  };
}

const MAX_PAUSE_S = 0.1;

function nameOf({ options: { host, port } }: Redis): string {
  return `${host}:${port}`;
}

function nodesOf(cluster: Cluster): Address[] {
  return cluster.nodes().map(({ options: { host, port } }) => ({ host: host!, port: port! }));
}
