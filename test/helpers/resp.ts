import { Redis, ReplyError } from "ioredis";

export type RespReply = string | number | null | Error | RespReply[];

/** An error reply in its place. */
export { ReplyError as RespError };

/** A connection of a test's own. It is made once: after a loss nothing is sent again. */
export class Resp {
  readonly #client: Redis;

  private constructor(client: Redis) {
    this.#client = client;
  }

  static async connect(port: number): Promise<Resp> {
    const client = new Redis(port, {
      ...{ protocol: 2, disableClientInfo: true, enableReadyCheck: false, enableOfflineQueue: false },
      ...{ lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 },
    });
    client.on("error", () => {}); // whoever waits for a reply gets it
    await client.connect();
    return new Resp(client);
  }

  /** One command; an error reply is thrown. */
  call(...[name, ...args]: readonly (string | number)[]): Promise<RespReply> {
    return this.#client.call(String(name), args) as Promise<RespReply>;
  }

  async pipeline(commands: readonly (readonly (string | number)[])[]): Promise<RespReply[]> {
    const replies = await this.#client.pipeline(commands.map(([name, ...args]) => ["call", name!, ...args])).exec();
    return replies!.map(([error, reply]) => error ?? (reply as RespReply));
  }

  get isClosed(): boolean {
    return this.#client.status !== "ready";
  }

  close(): void {
    this.#client.disconnect();
  }
}
