import { Command as IoredisCommand, Redis, type RedisOptions, ReplyError } from "ioredis";
import { TtsctlError } from "../../errors.ts";
import { keyOf } from "./command-key.ts";
import type { Command, NodeReply, RedisCommands, Reply } from "./commands.ts";
import { encodeCommand, encodeCommands, giveBack } from "./encode.ts";
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
  readonly #sentScripts = new Set<Script>();
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
    this.#gather();
    let bytes = encodeCommands(commands);
    const replies = commands.map(([name]) => {
      const reply = this.#send(new EncodedCommand(String(name), bytes));
      bytes = NOTHING; // all are in the first
      return reply;
    });
    const settled = await this.#inTime(Promise.all(replies));
    if (settled instanceof LostReply) throw this.#lostBy(settled);
    for (const [i, reply] of settled.entries()) {
      if (reply instanceof LostReply) throw this.#lostBy(reply);
      this.#check(reply, shapeOf(commands[i]!), String(commands[i]![0]));
      if (reply instanceof TtsctlError) settled[i] = withKey(reply, keyOf(commands[i]!), this.where);
    }
    return settled as Reply[];
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

  /** All that is sent in this turn of the event loop goes out at once: a system call for each command costs more than it. */
  #gather(): void {
    const { stream } = this.#redis;
    if (stream.writableCorked > 0) return;
    stream.cork();
    process.nextTick(() => stream.uncork());
  }

  /** In full the first time, which lets the server know it, and then by its digest. */
  async script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> {
    const isKnown = this.#sentScripts.has(script);
    this.#sentScripts.add(script);
    const name = isKnown ? "EVALSHA" : "EVAL";
    const bytes = encodeCommand([name, isKnown ? script.digest : script.source, keys.length], keys, args);
    const reply = await this.#inTime(this.#send(new EncodedCommand(name, bytes)));
    if (reply instanceof LostReply) throw this.#lostBy(reply);
    if (!(reply instanceof TtsctlError)) {
      // Whoever answers before the command was read would be sent what is written over it.
      if (this.#redis.stream.writableLength === 0) giveBack(bytes);
      this.#check(reply, script.replies, "a script");
      return reply;
    }
    // What the script itself doesn't catch is about its last key.
    if (!reply.message.includes("NOSCRIPT")) throw withKey(reply, keys.at(-1) ?? null, this.where);
    const again = await this.command("EVAL", script.source, keys.length, ...keys, ...args);
    this.#check(again, script.replies, "a script");
    return again;
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

  /** Not a timer for each command, which costs more than many a command. What comes later is nobody's any more. */
  async #inTime<T>(replies: Promise<T>): Promise<T | LostReply> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<LostReply>((resolve) => {
      timer = setTimeout(() => resolve(new LostReply(this.#late())), this.#timeoutMs);
    });
    try {
      return await Promise.race([replies, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #send(command: EncodedCommand): Promise<Reply | LostReply> {
    return (this.#redis.sendCommand(command) as Promise<unknown>).then(
      (value) => {
        this.#heard = true;
        return this.#convert(value);
      },
      (error: Error) => this.#failed(error),
    );
  }

  #failed(error: Error): TtsctlError | LostReply {
    if (isReplyError(error)) {
      this.#heard = true;
      return this.#serverError(error);
    }
    if (error.message.includes("timed out")) return new LostReply(this.#late(error));
    return new LostReply(this.#connectionError(this.#lastError ?? error));
  }

  #lostBy({ error }: LostReply): TtsctlError {
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

const NOTHING = Buffer.alloc(0);

/** A command that is encoded once, by us, and written as it is. */
class EncodedCommand extends IoredisCommand {
  readonly #bytes: Buffer;

  constructor(name: string, bytes: Buffer) {
    super(name, [], { replyEncoding: "utf8" });
    this.#bytes = bytes;
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

class LostReply {
  readonly error: TtsctlError;

  constructor(error: TtsctlError) {
    this.error = error;
  }
}

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
