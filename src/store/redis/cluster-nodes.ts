import { TtsctlError } from "../../errors.ts";
import type { RedisCommands } from "./commands.ts";
import { addressOf, nodeName, SlotMap } from "./slot-map.ts";
import type { Address } from "./target.ts";

/** Connects to one node, and logs in there. @param timeout seconds that it may take */
export type ConnectNode = (node: Address, timeout: number) => Promise<RedisCommands>;

/** The connections to the nodes of a cluster, each made on first use. The end of one is the end of all. */
export class ClusterNodes {
  readonly #connect: ConnectNode;
  readonly #timeout: number;
  readonly #origin: Address;
  readonly #nodes = new Map<string, Promise<RedisCommands>>();
  readonly lost: Promise<TtsctlError>;
  #lose: (why: TtsctlError) => void = () => {};
  #closed = false;

  /** @param origin the node that was asked first: one that tells an empty host means the same. @param timeout seconds */
  constructor(connect: ConnectNode, timeout: number, origin: Address) {
    this.#connect = connect;
    this.#timeout = timeout;
    this.#origin = origin;
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
  }

  /** @throws TtsctlError REDIS_* where it cannot be connected to */
  get(name: string): Promise<RedisCommands> {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const node = this.#connect(addressOf(name, this.#origin), this.#timeout);
    this.add(name, node);
    return node;
  }

  add(name: string, node: Promise<RedisCommands>): void {
    this.#nodes.set(name, node);
    node.then(
      (made) => {
        if (this.#closed) made.close();
        else void made.lost.then(this.#lose);
      },
      (error: unknown) => {
        if (error instanceof TtsctlError) this.#lose(error);
      },
    );
  }

  close(): void {
    this.#closed = true;
    for (const node of this.#nodes.values()) node.then((made) => made.close()).catch(() => {});
  }
}

/** A node that answered, and how it says that the slots lie. */
export interface Entrance {
  readonly address: Address;
  readonly node: RedisCommands;
  readonly map: SlotMap;
}

/**
 * Asks some nodes of a cluster, one after the other, where its slots are, until one knows.
 * @param timeout seconds for all of them
 * @throws TtsctlError REDIS_* naming every node that was tried; at once where one answers that it cannot be used at all
 */
export async function enterCluster(
  connect: ConnectNode,
  seeds: readonly Address[],
  timeout: number,
): Promise<Entrance> {
  const deadline = performance.now() + timeout * 1000;
  const failures: TtsctlError[] = [];
  for (const [i, address] of seeds.entries()) {
    const left = (deadline - performance.now()) / 1000;
    try {
      const node = await connect(address, i === seeds.length - 1 ? left : left / 2);
      const map = SlotMap.of(await askSlots(node), address);
      if (map.covered > 0) return { address, node, map };
      node.close();
      failures.push(knowsNothing(address));
    } catch (error) {
      if (!(error instanceof TtsctlError) || !MAY_BE_OTHERWISE_ELSEWHERE.has(error.code)) throw error;
      failures.push(error);
    }
  }
  throw noneAnswered(failures);
}

const MAY_BE_OTHERWISE_ELSEWHERE = new Set(["REDIS_UNAVAILABLE", "REDIS_TIMEOUT", "REDIS_LOADING"]);

async function askSlots(node: RedisCommands) {
  try {
    return await node.command("CLUSTER", "SLOTS");
  } catch (error) {
    node.close();
    throw error;
  }
}

function knowsNothing(address: Address): TtsctlError {
  return new TtsctlError("REDIS_CLUSTER", `Redis at ${nodeName(address)} knows of no slots: it belongs to no cluster`, {
    hint: "name a node of the cluster in [redis] host and port, or several in nodes",
  });
}

function noneAnswered(failures: readonly TtsctlError[]): TtsctlError {
  const [first] = failures;
  if (failures.length === 1) return first!;
  const code = failures.every(({ code }) => code === first!.code) ? first!.code : "REDIS_UNAVAILABLE";
  const tried = failures.map(({ message }) => message).join("; ");
  return new TtsctlError(code, `no node of the cluster can be used: ${tried}`, {
    hint: "start its nodes, or check [redis] host, port and nodes",
  });
}
