import { Redis, type RedisOptions, ReplyError } from "ioredis";
import { TtsctlError } from "../../errors.ts";
import { keyOf } from "./command-key.ts";
import type { Command, NodeReply, RedisCommands, Reply } from "./commands.ts";
import {
  afterFailover,
  connectionError,
  notPrimary,
  serverError,
  takesReadsOnly,
  timeoutError,
  withKey,
} from "./errors.ts";
import { checkReply, notRedis, type ReplyShape, shapeOf } from "./reply-shape.ts";
import type { Script } from "./script.ts";
import { describeNode, type NodeTarget } from "./target.ts";
import { tlsOptions } from "./tls.ts";
import { plainTextRefused, silentHandshake } from "./tls-errors.ts";

/**
 * One connection to Redis that never reconnects and never sends a command twice. A lost connection or a reply that did
 * not come is thrown, and what was in flight is then unknown. The only file that imports ioredis.
 */
export class RedisClient implements RedisCommands {
  readonly where: string;
  readonly isCluster = false;
  readonly lost: Promise<TtsctlError>;
  readonly #redis: Redis;
  readonly #password: string | null;
  readonly #timeoutMs: number;
  readonly #isTls: boolean;
  readonly #mustBePrimary: boolean;
  /** Whether the server has answered anything yet. */
  #heard = false;
  #lastError: unknown;
  #lose: (why: TtsctlError) => void = () => {};

  private constructor(redis: Redis, target: NodeTarget) {
    this.#redis = redis;
    this.#password = target.password;
    this.#timeoutMs = target.timeout * 1000;
    this.#isTls = target.tls !== null;
    this.#mustBePrimary = target.primaryBy !== undefined;
    this.where = describeNode(target);
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    redis.on("error", (error: unknown) => {
      this.#lastError = error;
    });
    redis.on("connect", () => this.#guardQueue());
    redis.on("end", () => this.#lose(this.#connectionError(this.#lastError ?? "the connection was closed")));
  }

  /**
   * Connects, logs in, selects the database and pings, all within the timeout.
   * @param within seconds that this may take, if not that long
   * @throws TtsctlError REDIS_* with the cause
   */
  static async connect(target: NodeTarget, within = target.timeout): Promise<RedisClient> {
    const client = new RedisClient(new Redis(await optionsOf(target)), target);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(client.#notConnected()), within * 1000);
    });
    try {
      await Promise.race([client.#handshake(target), timeout]);
      return client;
    } catch (error) {
      client.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async command(...command: Command): Promise<Reply> {
    const [reply] = await this.pipeline([command]);
    if (reply instanceof TtsctlError) throw reply;
    return reply!;
  }

  async pipeline(commands: readonly Command[]): Promise<Reply[]> {
    if (commands.length === 0) return [];
    const pipeline = this.#redis.pipeline();
    for (const [name, ...args] of commands) pipeline.call(String(name), ...args);
    const replies = await this.#settled(pipeline.exec().then((results) => results!));
    for (const [i, reply] of replies.entries()) {
      this.#check(reply, shapeOf(commands[i]!), String(commands[i]![0]));
      if (reply instanceof TtsctlError) replies[i] = withKey(reply, keyOf(commands[i]!), this.where);
    }
    return replies;
  }

  /** What was answered to one command may have been meant for another: such a connection is of no use. */
  #check(reply: Reply, shape: ReplyShape | undefined, command: string): void {
    try {
      checkReply(reply, shape, command, this.where);
    } catch (error) {
      this.#drop(error as TtsctlError);
      throw error;
    }
  }

  #drop(why: TtsctlError): void {
    this.#lastError = why;
    this.#lose(why);
    this.#redis.disconnect();
  }

  /**
   * If a null reply arrives and no command is waiting, ioredis throws an exception that can't be caught. So its queue always
   * has one more command, which drops the connection; when ioredis empties the queue, that one ends it.
   */
  #guardQueue(): void {
    const queue = this.#redis.commandQueue;
    const next = queue.shift.bind(queue);
    let isEmptied = false;
    const drop = () => this.#drop(notRedis("sent an answer that no command asked for", this.where));
    const reject = (error: unknown) => {
      if (isReplyError(error)) drop();
      else isEmptied = true;
    };
    const stray = { command: { name: "", args: [], resolve: drop, reject } };
    queue.shift = () => next() ?? (isEmptied ? undefined : (stray as unknown as ReturnType<typeof next>));
  }

  async script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> {
    const [reply] = await this.#settled(
      this.#run(script, keys, args).then(
        (value) => [[null, value]],
        (error: Error) => [[error, null]],
      ),
    );
    // What the script itself doesn't catch is about its last key.
    if (reply instanceof TtsctlError) throw withKey(reply, keys.at(-1) ?? null, this.where);
    this.#check(reply!, script.replies, "a script");
    return reply!;
  }

  /** By a method of ioredis, which sends the digest, and the text to a server that doesn't know it. */
  #run({ name, source }: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const redis = this.#redis as Redis & Record<string, (...args: (string | number)[]) => Promise<unknown>>;
    if (redis[name] === undefined) redis.defineCommand(name, { lua: source });
    return redis[name]!(keys.length, ...keys, ...args);
  }

  async each(...command: Command): Promise<NodeReply[]> {
    const [reply] = await this.pipeline([command]);
    return [{ where: this.where, reply: reply! }];
  }

  close(): void {
    this.#redis.disconnect();
  }

  /** Login and database by commands of ours: where the server refuses them, ioredis goes on, or prints lines of its own. */
  async #handshake({ username, password, db }: NodeTarget): Promise<void> {
    try {
      await this.#redis.connect();
    } catch (error) {
      throw this.#connectFailed(error);
    }
    if (username !== null || password !== null) {
      await this.command("AUTH", ...(username === null ? [] : [username]), password ?? "");
    }
    if (db !== 0) await this.command("SELECT", db);
    const [reply] = await this.pipeline([["PING"]]);
    if (reply instanceof TtsctlError && !takesReadsOnly(reply)) throw reply;
    if (this.#mustBePrimary) await this.#checkRole();
  }

  /** A user who may not ask goes by what was said of the server. */
  async #checkRole(): Promise<void> {
    const [reply] = await this.pipeline([["ROLE"]]);
    if (reply instanceof TtsctlError && reply.code !== "REDIS_DENIED") throw reply;
    if (Array.isArray(reply) && reply[0] !== "master") throw this.#advised(notPrimary(this.where, String(reply[0])));
  }

  #notConnected(): TtsctlError {
    const { stream } = this.#redis;
    const isReached = stream !== undefined && stream !== null && !stream.connecting;
    return this.#isTls && isReached && !this.#heard ? silentHandshake(this.where) : this.#late();
  }

  /** `connect()` says only that the connection is closed; the error event came first and knows why. */
  #connectFailed(error: unknown): TtsctlError {
    const cause = this.#lastError ?? error;
    if (isReplyError(cause)) return this.#serverError(cause as Error);
    return this.#connectionError(cause);
  }

  /** A connection that was made and ended before any answer may have been made to a port for TLS. */
  #connectionError(cause: unknown): TtsctlError {
    const error = cause instanceof TtsctlError ? cause : connectionError(cause, this.where);
    const isHungUp = !this.#isTls && !this.#heard && HUNG_UP.test(error.message);
    return isHungUp ? plainTextRefused(this.where, cause) : this.#advised(error);
  }

  #late(cause?: unknown): TtsctlError {
    return this.#advised(timeoutError(this.where, cause));
  }

  #advised(error: TtsctlError): TtsctlError {
    return this.#mustBePrimary ? afterFailover(error) : error;
  }

  /**
   * What came of commands, as ioredis tells it. One timer is for all of them: one for each would cost more than the command.
   * @throws TtsctlError if a reply is missing
   */
  async #settled(results: Promise<readonly (readonly [Error | null, unknown])[]>): Promise<Reply[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#lostBy(this.#late())), this.#timeoutMs);
    });
    results.catch(() => {}); // late replies are ignored
    try {
      return (await Promise.race([results, late])).map(([error, value]) => {
        if (error !== null && !isReplyError(error)) throw error;
        this.#heard = true;
        return error === null ? this.#convert(value) : this.#serverError(error);
      });
    } catch (error) {
      throw error instanceof TtsctlError ? error : this.#lostBy(this.#connectionError(this.#lastError ?? error));
    } finally {
      clearTimeout(timer);
    }
  }

  #lostBy(error: TtsctlError): TtsctlError {
    this.#lose(error);
    return error;
  }

  /** A server that does not know AUTH repeats its arguments in the error. */
  #serverError({ message }: Error): TtsctlError {
    const text = this.#password ? message.replaceAll(this.#password, "***") : message;
    const error = serverError(text, this.where);
    if (!this.#mustBePrimary || error.code !== "REDIS_READONLY") return error;
    this.#lose(afterFailover(error)); // it was demoted under this connection
    return afterFailover(error);
  }

  /** Errors inside a script's array reply become errors of ours. */
  #convert(reply: unknown): Reply {
    if (Array.isArray(reply)) {
      for (let i = 0; i < reply.length; i++) {
        if (typeof reply[i] === "object" && reply[i] !== null) reply[i] = this.#convert(reply[i]);
      }
      return reply as Reply[];
    }
    if (reply instanceof Error) return this.#serverError(reply);
    return reply as Reply;
  }
}

const HUNG_UP = /closed|ECONNRESET|EPIPE/;

function isReplyError(error: unknown): boolean {
  return error instanceof ReplyError;
}

async function optionsOf({ place, tls, timeout }: NodeTarget) {
  const milliseconds = timeout * 1000;
  return {
    ...(place.kind === "socket" ? { path: place.path } : { host: place.host, port: place.port }),
    ...(tls !== null && place.kind === "node" ? { tls: await tlsOptions(tls, place.host) } : {}),
    protocol: 2,
    lazyConnect: true,
    retryStrategy: () => null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: milliseconds,
    disconnectTimeout: 200,
  } satisfies RedisOptions;
}
