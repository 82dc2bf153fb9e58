import { Cluster, type Redis, Command as RedisCommand } from "ioredis";
import { systemClock, within } from "../../clock.ts";
import type { TtsctlError } from "../../errors.ts";
import type { Address } from "../../printable.ts";
import { nodeOptions, sendTo, tlsOptions } from "./client.ts";
import { addressOf, enterCluster, nodeName, slotMap } from "./cluster-slots.ts";
import type { Command, NodeReply, Reply } from "./commands.ts";
import { Connection, guardQueue } from "./connection.ts";
import { allOf, connectionError, ServerError, timeoutError, unsettledError } from "./errors.ts";
import { describeNode, type RedisTarget } from "./target.ts";

interface Seeds {
  /** Asked first for the slots. */
  readonly nodes: readonly Address[];
  /** Called with the nodes of the cluster whenever one of them lists them. */
  readonly note: (nodes: readonly Address[]) => void;
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
 * A Redis Cluster by the client of ioredis, which repeats a command only if a node didn't execute it (MOVED, ASK,
 * TRYAGAIN). A lost primary ends the client, because the outcome of commands in flight is unknown; so does a node without its slots.
 */
export class ClusterClient extends Connection {
  readonly isCluster = true;
  readonly #target: RedisTarget;
  readonly #origin: Address;
  protected readonly client: Cluster;
  /** Why connections failed, by the names of their nodes. */
  readonly #errors = new Map<string, Error>();
  /** The node of the connection that ended last. */
  #ended: string | undefined;
  #isClosed = false;

  private constructor(target: RedisTarget, origin: Address, cluster: Cluster) {
    super(`${nodeName(origin)} (cluster)`, target);
    this.#target = target;
    this.#origin = origin;
    this.client = cluster;
    cluster.on("error", () => {});
    cluster.on("node error", (error: Error, name: string) => this.#errors.set(name, error));
    cluster.on("+node", (redis: Redis) => this.#watch(redis));
  }

  /** @throws TtsctlError REDIS_* with every node that was tried */
  static async connect(target: RedisTarget, seeds: Seeds): Promise<ClusterClient> {
    const end = systemClock.monotonic() + target.timeout;
    const { address, nodes, isUp } = await enterCluster(target, seeds.nodes, target.timeout);
    const cluster = await clusterAt(target, address);
    const client = new ClusterClient(target, address, cluster);
    try {
      const late = () => Promise.reject(client.late());
      const connecting = cluster.connect().catch((error) => Promise.reject(client.failed(error)));
      await within(systemClock, (end - systemClock.monotonic()) * 1000, connecting, late);
    } catch (error) {
      client.close();
      throw error;
    }
    if (isUp) seeds.note([...nodes].map((name) => addressOf(name, address)));
    cluster.on("refresh", () => seeds.note(cluster.nodes().map((node) => addressOf(nameOf(node), address))));
    return client;
  }

  async each(...command: Command): Promise<NodeReply[]> {
    const nodes = this.client.nodes("master").sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
    const replies = await this.#on(nodes, command);
    return replies.map((reply, i) => ({ where: this.#describe(nameOf(nodes[i]!)), reply }));
  }

  close(): void {
    this.#isClosed = true;
    this.client.disconnect();
  }

  override scan([, key]: readonly string[], ...rest: Command): AsyncGenerator<string[]> {
    return key === undefined ? this.#scanKeys(rest) : this.#scanIndex(key, rest);
  }

  // Slots move from node to node. A scan that may have missed something for that reason begins again.

  /** Scans the keys of all primaries, one after the other, again if a slot has another primary at the end. */
  async *#scanKeys(rest: Command): AsyncGenerator<string[]> {
    for (let again = 0; again <= MAX_AGAIN; again++) {
      await new Promise((done) => this.client.refreshSlotsCache(done));
      const nodes = this.client.nodes("master");
      const { names, maps } = await this.#survey();
      for (const node of nodes) {
        yield* this.walk("SCAN", async (cursor) => allOf(await this.#on([node], ["SCAN", cursor, ...rest]))[0]!);
      }
      const knowsAll = names.every((name) => nodes.some((node) => nameOf(node) === name));
      if (knowsAll && (await this.#survey()).maps === maps) return;
      await this.#pause();
    }
    throw keepsMoving("the keys");
  }

  /** Scans an index, again if its slot moves: a cursor is only good for the node that gave it. */
  async *#scanIndex(key: string, rest: Command): AsyncGenerator<string[]> {
    const full = this.prefix + key;
    for (let again = 0; again <= MAX_AGAIN; again++) {
      await this.command("EXISTS", key); // ioredis follows a redirect, and knows the node from then on
      const name = this.client.slots[new RedisCommand("ZSCAN", [full]).getSlot()]?.[0];
      const node = this.client.nodes().find((other) => nameOf(other) === name);
      try {
        if (node !== undefined) {
          return yield* this.walk("ZSCAN", async (cursor) => {
            const sent = () => [node.call("ZSCAN", full, cursor, ...rest)];
            return allOf(await this.replies([["ZSCAN", key, cursor, ...rest]], sent))[0]!;
          });
        }
      } catch (error) {
        if (!(error instanceof ServerError) || !/^(MOVED|ASK) /.test(error.reply)) throw error;
      }
      await this.#pause();
    }
    throw keepsMoving(key);
  }

  /** The primaries that any of them lists, and which slots each says they have. */
  async #survey(): Promise<{ names: readonly string[]; maps: string }> {
    const nodes = this.client.nodes("master");
    const replies = allOf(await this.#on(nodes, ["CLUSTER", "SLOTS"]));
    const maps = replies.map((reply, i) => slotMap(reply, addressOf(nameOf(nodes[i]!), this.#origin)).primaries);
    return { names: [...new Set(maps.flat())], maps: [...new Set(maps.map(String))].sort().join() };
  }

  /** The same command to some nodes. A cluster that is lost has none. */
  async #on(nodes: readonly Redis[], command: Command): Promise<Reply[]> {
    if (nodes.length === 0) throw this.lose(this.failed("the connection was closed"));
    const commands = nodes.map(() => command);
    return this.replies(commands, () => nodes.map((node) => sendTo(node, command, this.prefix)));
  }

  protected send(command: Command): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(this.failed("the connection was closed"));
    return this.client.call(String(command[0]), ...command.slice(1));
  }

  protected streams(): Redis["stream"][] {
    return this.client.nodes("master").map(({ stream }) => stream);
  }

  protected late(): TtsctlError {
    const isHung = ({ commandQueue, status }: Redis) => commandQueue.length > 0 || status === "connecting";
    const hung = this.client.nodes().find(isHung);
    return timeoutError(hung === undefined ? this.where : this.#describe(nameOf(hung)));
  }

  /** The commands that no node executed end in an error of ioredis; those of a lost node in one without its name. */
  protected failed(error: unknown): TtsctlError {
    const [, refusal] = REFUSAL.exec(error instanceof Error ? error.message : "") ?? [];
    if (refusal !== undefined) return unsettledError(`the Redis cluster does not settle in time: ${refusal}`, refusal);
    const name = this.#ended ?? nodeName(this.#origin);
    const cause = this.#errors.get(name) ?? (this.#ended === undefined ? error : "the connection was closed");
    return connectionError(cause, this.#describe(name));
  }

  protected override serverError(cause: Error): TtsctlError {
    const error = super.serverError(cause);
    return error.code === "REDIS_CLUSTER" ? this.lose(error) : error;
  }

  #describe(name: string): string {
    return describeNode({ ...this.#target, place: { kind: "node", ...addressOf(name, this.#origin) } });
  }

  #pause(): Promise<void> {
    return systemClock.sleep(this.timeoutMs / 10);
  }

  /** If a node serves no slot any more, ioredis ends its connection; if a primary ends it, commands may be lost. */
  #watch(redis: Redis): void {
    const name = nameOf(redis);
    ignoreAsked(redis);
    redis.on("connect", () => guardQueue(redis, (why) => this.drop(why), this.#describe(name)));
    redis.on("end", () => {
      if (this.#isClosed || !this.client.slots.some(([primary]) => primary === name)) return;
      this.#ended = name;
      this.lose(this.failed(null));
    });
  }
}

async function clusterAt(target: RedisTarget, origin: Address): Promise<Cluster> {
  const { tls, username, password, timeout } = target;
  const tlsFor = tls === null ? null : await tlsOptions(tls);
  const nodeAt = ({ host, port }: Address) => ({ host, port, ...(tlsFor && { tls: tlsFor(host) }) });
  return new Cluster([nodeAt(origin)], {
    natMap: (name) => nodeAt(addressOf(name, origin)),
    dnsLookup: (host, done) => done(null, host),
    lazyConnect: true,
    clusterRetryStrategy: () => null,
    enableReadyCheck: false,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // At the end of a slot's move both nodes may refuse it for a while, each with the other's name.
    retryDelayOnMoved: REDIRECT_MS,
    retryDelayOnTryAgain: REDIRECT_MS,
    maxRedirections: Math.ceil((0.8 * timeout * 1000) / REDIRECT_MS),
    slotsRefreshTimeout: timeout * 1000,
    keyPrefix: target.prefix ?? "",
    redisOptions: {
      ...nodeOptions({ timeout }),
      ...(username !== null && { username }),
      ...(password !== null && { password }),
    },
  });
}

/** Before a redirected command is sent again. */
const REDIRECT_MS = 10;

/** How often a scan begins again because slots moved. */
const MAX_AGAIN = 5;

function keepsMoving(what: string): ServerError {
  return unsettledError(`the slots of the Redis cluster keep moving: ${what} can't be read completely`);
}

/** The last reply to a command that ioredis gave up; no node executed it. */
const REFUSAL = /^Too many Cluster redirections. Last error: \w+: (.*)/;

/** ioredis drops the promise of an ASKING; if that fails, so does the command after it. */
function ignoreAsked(redis: Redis): void {
  const asking = redis.asking.bind(redis);
  redis.asking = () => {
    const asked = asking();
    asked.catch(() => {});
    return asked;
  };
}

function nameOf({ options }: Redis): string {
  return nodeName(options as Address);
}
