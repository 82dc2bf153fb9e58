import { TtsctlError } from "../../errors.ts";
import type { RedisCommands } from "./commands.ts";
import { addressOf } from "./slot-map.ts";
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
  /** Ends all of them. */
  lose: (why: TtsctlError) => void = () => {};
  #closed = false;

  /** @param origin the node that was asked first: one that tells an empty host means the same. @param timeout seconds */
  constructor(connect: ConnectNode, timeout: number, origin: Address) {
    this.#connect = connect;
    this.#timeout = timeout;
    this.#origin = origin;
    this.lost = new Promise((resolve) => {
      this.lose = resolve;
    });
  }

  /** Those that are connected to. */
  get names(): string[] {
    return [...this.#nodes.keys()];
  }

  addressOf(name: string): Address {
    return addressOf(name, this.#origin);
  }

  /** @throws TtsctlError REDIS_* where it cannot be connected to, which is the end then */
  async get(name: string): Promise<RedisCommands> {
    try {
      return await this.reach(name);
    } catch (error) {
      if (error instanceof TtsctlError) this.lose(error);
      throw error;
    }
  }

  /** The same where it is not the end: nothing was sent, and another node may serve its slots by now. */
  reach(name: string): Promise<RedisCommands> {
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const node = this.#connect(this.addressOf(name), this.#timeout);
    this.add(name, node);
    return node;
  }

  add(name: string, node: Promise<RedisCommands>): void {
    this.#nodes.set(name, node);
    node.then(
      (made) => {
        if (this.#closed) made.close();
        else void made.lost.then(this.lose);
      },
      () => this.#nodes.delete(name),
    );
  }

  /**
   * Asks a node something, over a connection for this alone where there is none.
   * @param timeout seconds that connecting may take
   * @throws TtsctlError REDIS_*
   */
  async ask<T>(name: string, timeout: number, question: (node: RedisCommands, at: Address) => Promise<T>): Promise<T> {
    const address = this.addressOf(name);
    const known = this.#nodes.get(name);
    if (known !== undefined) return question(await known, address);
    const node = await this.#connect(address, timeout);
    try {
      return await question(node, address);
    } finally {
      node.close();
    }
  }

  close(): void {
    this.#closed = true;
    for (const node of this.#nodes.values()) node.then((made) => made.close()).catch(() => {});
  }
}
