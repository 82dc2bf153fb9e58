import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import { Redis, type RedisOptions, ReplyError } from "ioredis";
import { systemClock, within } from "../../clock.ts";
import { describeSystemError, TtsctlError } from "../../errors.ts";
import type { Command, NodeReply } from "./commands.ts";
import { Connection, guardQueue } from "./connection.ts";
import {
  allOf,
  connectionError,
  FAILS_OVER,
  NotRedis,
  plainTextRefused,
  silentHandshake,
  takesReadsOnly,
  timeoutError,
} from "./errors.ts";
import { describeNode, type NodeTarget, type TlsFiles } from "./target.ts";

/** One connection to Redis that never reconnects. */
export class RedisClient extends Connection {
  readonly isCluster = false;
  protected readonly client: Redis;
  readonly #isTls: boolean;
  readonly #mustBePrimary: boolean;
  #lastError: unknown;

  private constructor(redis: Redis, target: NodeTarget) {
    super(describeNode(target), target);
    this.client = redis;
    this.#isTls = target.tls !== null;
    this.#mustBePrimary = target.primaryBy !== undefined;
    redis.on("error", (error: unknown) => {
      this.#lastError = error;
    });
    redis.on("connect", () => guardQueue(redis, (why) => this.drop(why), this.where));
    redis.on("end", () => this.lose(this.failed("the connection was closed")));
  }

  /** Connects, logs in, selects the database and pings, all within so many seconds. @throws TtsctlError REDIS_* */
  static async connect(target: NodeTarget, seconds = target.timeout): Promise<RedisClient> {
    const { place, tls, prefix } = target;
    const options = {
      ...nodeOptions(target),
      ...(place.kind === "socket" ? { path: place.path } : { host: place.host, port: place.port }),
      ...(tls !== null && place.kind === "node" && { tls: (await tlsOptions(tls))(place.host) }),
      ...(prefix && { keyPrefix: prefix }),
      lazyConnect: true,
      enableOfflineQueue: false,
    } satisfies RedisOptions;
    const client = new RedisClient(new Redis(options), target);
    try {
      const late = () => Promise.reject(client.#notConnected());
      await within(systemClock, seconds * 1000, client.#handshake(target), late);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  async each(...command: Command): Promise<NodeReply[]> {
    const [reply] = await this.pipeline([command]);
    return [{ where: this.where, reply: reply! }];
  }

  async subscribe(pattern: string, receive: (channel: string, message: string) => void): Promise<void> {
    this.client.on("pmessage", (_: string, channel: string, message: string) => receive(channel, message));
    allOf(await this.settled([this.client.psubscribe(pattern)]));
  }

  close(): void {
    this.client.disconnect();
  }

  protected send(command: Command): Promise<unknown> {
    return sendTo(this.client, command, this.prefix);
  }

  protected streams() {
    return [this.client.stream];
  }

  protected late(cause?: unknown): TtsctlError {
    return this.#advised(timeoutError(this.where, cause));
  }

  /** A connection that ended before any reply may have been made to a port for TLS. */
  protected failed(error: unknown): TtsctlError {
    const cause = this.#lastError ?? error;
    const failure = cause instanceof TtsctlError ? cause : connectionError(cause, this.where);
    const isHungUp = !this.#isTls && !this.heard && HUNG_UP.test(failure.message);
    return isHungUp ? plainTextRefused(this.where, cause) : this.#advised(failure);
  }

  protected override drop(why: TtsctlError): void {
    this.#lastError = why;
    super.drop(why);
  }

  protected override serverError(cause: Error): TtsctlError {
    const error = super.serverError(cause);
    if (!this.#mustBePrimary || error.code !== "REDIS_READONLY") return error;
    return this.lose(this.#advised(error)); // it was demoted under this connection
  }

  /** Logs in and selects the database itself: on a refusal, ioredis continues, or prints warnings. */
  async #handshake({ username, password, db }: NodeTarget): Promise<void> {
    try {
      await this.client.connect();
    } catch (error) {
      // This event only reports the close; the error event before it has the cause.
      const cause = this.#lastError ?? error;
      throw cause instanceof ReplyError ? this.serverError(cause as Error) : this.failed(cause);
    }
    if (username !== null || password !== null) {
      await this.command("AUTH", ...(username === null ? [] : [username]), password ?? "");
    }
    if (db !== 0) await this.command("SELECT", db);
    const [reply] = await this.pipeline([["PING"]]);
    if (reply instanceof TtsctlError && !takesReadsOnly(reply)) throw reply;
    if (this.#mustBePrimary) await this.#checkRole();
  }

  /** If this user may not ask, the Sentinel counts. */
  async #checkRole(): Promise<void> {
    const [reply] = await this.pipeline([["ROLE"]]);
    if (reply instanceof TtsctlError && reply.code !== "REDIS_DENIED") throw reply;
    if (!Array.isArray(reply) || reply[0] === "master") return;
    const message = `Redis at ${this.where} isn't a primary: its role is ${reply[0]}`;
    throw this.#advised(new TtsctlError("REDIS_READONLY", message));
  }

  #notConnected(): TtsctlError {
    const { stream } = this.client;
    const isReached = stream !== undefined && stream !== null && !stream.connecting;
    return this.#isTls && isReached && !this.heard ? silentHandshake(this.where) : this.late();
  }

  #advised(error: TtsctlError): TtsctlError {
    if (!this.#mustBePrimary || error instanceof NotRedis || !FAILS_OVER.includes(error.code)) return error;
    return new TtsctlError(error.code, error.message, { hint: FAILOVER_HINT, cause: error.cause });
  }
}

const FAILOVER_HINT = "a failover may be under way: run it again once there is a new primary; what was done is kept";

const HUNG_UP = /closed|ECONNRESET|EPIPE/;

/** ioredis puts the prefix before keys, not before a pattern of SCAN, and leaves it in the reply. */
export async function sendTo(redis: Redis, [name, ...args]: Command, prefix: string): Promise<unknown> {
  if (name !== "SCAN") return redis.call(String(name), ...args);
  const words = args.map((word, i) => (args[i - 1] === "MATCH" ? prefix + word : word));
  const reply = await redis.call("SCAN", ...words);
  if (!Array.isArray(reply) || !Array.isArray(reply[1])) return reply;
  return [reply[0], reply[1].map((key) => String(key).slice(prefix.length))];
}

/** Nothing is sent twice, and no connection is made again. */
export function nodeOptions({ timeout }: { readonly timeout: number }) {
  return {
    protocol: 2,
    retryStrategy: () => null,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: timeout * 1000,
    disconnectTimeout: 200,
  } satisfies RedisOptions;
}

/**
 * What a TLS connection to a host needs. The files are read again for each connection, or those of a cluster at once, since
 * a certificate may have been renewed. @throws TtsctlError REDIS_TLS for a file that cannot be read
 */
export async function tlsOptions(files: TlsFiles): Promise<(host: string) => ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map(contentOf));
  return (host) => {
    const name = files.serverName ?? host;
    return {
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(isIP(name) === 0 && { servername: name }),
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    };
  };
}

async function contentOf(path: string | null): Promise<Buffer | null> {
  try {
    return path === null ? null : await readFile(path);
  } catch (cause) {
    throw new TtsctlError("REDIS_TLS", `${path} cannot be read: ${describeSystemError(cause)}`, {
      hint: "see [redis] tls_ca, tls_cert and tls_key",
      cause,
    });
  }
}
