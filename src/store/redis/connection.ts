import { type Cluster, type Redis, ReplyError } from "ioredis";
import { alarm } from "../../clock.ts";
import { TtsctlError } from "../../errors.ts";
import { jsonIn } from "../../json/value.ts";
import type { Command, NodeReply, RedisCommands, Reply, ReplyShape, Script, ScriptRun } from "./commands.ts";
import { allOf, notRedis, ServerError, serverError, withKey } from "./errors.ts";
import { checkReply, START, shapeOf } from "./reply-shape.ts";

type Words = readonly (string | number)[];

/** Commands over ioredis: within the timeout, never sent twice. If a reply is missing, what was in flight is unknown. */
export abstract class Connection implements RedisCommands {
  abstract readonly isCluster: boolean;
  readonly where: string;
  readonly prefix: string;
  readonly lost: Promise<TtsctlError>;
  protected readonly timeoutMs: number;
  /** Whether anything was answered yet. */
  protected heard = false;
  readonly #password: string | null;
  #lose: (why: TtsctlError) => void = () => {};

  protected constructor(where: string, access: { prefix?: string; password: string | null; timeout: number }) {
    this.where = where;
    this.prefix = access.prefix ?? "";
    this.timeoutMs = access.timeout * 1000;
    this.#password = access.password;
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
  }

  async command(...command: Command): Promise<Reply> {
    return allOf(await this.pipeline([command]))[0]!;
  }

  async pipeline(commands: readonly Command[]): Promise<Reply[]> {
    return this.replies(commands, () => commands.map((command) => this.send(command)));
  }

  /** The checked replies to commands. */
  protected async replies(commands: readonly Command[], send: () => Promise<unknown>[]): Promise<Reply[]> {
    if (commands.length === 0) return [];
    const replies = await this.settled(this.#together(send));
    return replies.map((reply, i) => {
      const [name, key] = commands[i]!;
      return this.#checked(reply, shapeOf(commands[i]!), String(name), key);
    });
  }

  async script(script: Script, keys: readonly string[], args: Words): Promise<Reply> {
    return allOf(await this.scripts(script, [{ keys, args }]))[0]!;
  }

  async scripts(script: Script, runs: readonly ScriptRun[]): Promise<Reply[]> {
    const replies = await this.settled(this.#together(() => runs.map((run) => this.#sendScript(script, run))));
    // An error that the script doesn't catch is about its last key.
    return replies.map((reply, i) => {
      const read = script.isJson && typeof reply === "string" ? this.#convert(jsonIn(reply)) : reply;
      return this.#checked(read, script.replies, "a script", runs[i]!.keys.at(-1));
    });
  }

  /** Sends a script by a method of ioredis: its digest, and the text to a server that doesn't know it. */
  #sendScript({ name, source }: Script, { keys, args }: ScriptRun): Promise<unknown> {
    const methods = this.client as unknown as Record<string, (...args: Words) => Promise<unknown>>;
    if (methods[name] === undefined) this.client.defineCommand(name, { lua: source });
    return methods[name]!(keys.length, ...keys, ...args);
  }

  scan([name, ...key]: readonly string[], ...rest: Command): AsyncGenerator<string[]> {
    return this.walk(name!, (cursor) => this.command(name!, ...key, cursor, ...rest));
  }

  protected async *walk(name: string, ask: (cursor: string) => Promise<Reply>): AsyncGenerator<string[]> {
    let cursor = START;
    do {
      const [next, items] = (await ask(cursor)) as [string, string[]];
      // Such a walk would never end.
      if (next === cursor && next !== START) throw notRedis(`keeps answering ${name} with cursor ${next}`, this.where);
      cursor = next;
      yield items;
    } while (cursor !== START);
  }

  abstract each(...command: Command): Promise<NodeReply[]>;
  abstract close(): void;

  protected abstract readonly client: Redis | Cluster;
  protected abstract send(command: Command): Promise<unknown>;
  protected abstract streams(): Redis["stream"][];
  /** The error of a reply that didn't come in time. */
  protected abstract late(): TtsctlError;
  protected abstract failed(error: unknown): TtsctlError;

  protected lose(error: TtsctlError): TtsctlError {
    this.#lose(error);
    return error;
  }

  /** For a connection whose replies may belong to other commands. */
  protected drop(why: TtsctlError): void {
    this.lose(why);
    this.close();
  }

  /** One timer for all commands: one for each would cost more than the command. @throws TtsctlError if a reply is missing */
  protected async settled(sent: readonly Promise<unknown>[]): Promise<Reply[]> {
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = alarm(this.timeoutMs, () => reject(this.lose(this.late())));
    });
    const results = await Promise.race([Promise.allSettled(sent), late]).finally(cancel);
    return results.map((result) => {
      const error: unknown = result.status === "rejected" ? result.reason : null;
      this.heard ||= error === null || error instanceof ReplyError;
      if (result.status === "fulfilled") return this.#convert(result.value);
      if (error instanceof ReplyError) return this.serverError(error as Error);
      if (error instanceof ServerError) return error;
      throw this.lose(error instanceof TtsctlError ? error : this.failed(error));
    });
  }

  /** A server that does not know AUTH repeats its arguments in the error. */
  protected serverError({ message }: Error): TtsctlError {
    return serverError(this.#password ? message.replaceAll(this.#password, "***") : message, this.where);
  }

  /** Errors inside a script's array reply, or in its JSON, become errors of ours. */
  #convert(reply: unknown): Reply {
    if (reply instanceof Error) return this.serverError(reply);
    if (typeof reply !== "object" || reply === null) return reply as Reply;
    if (!Array.isArray(reply)) return this.serverError(new Error(`${(reply as { err?: unknown }).err}`));
    for (let i = 0; i < reply.length; i++) {
      if (typeof reply[i] === "object" && reply[i] !== null) reply[i] = this.#convert(reply[i]);
    }
    return reply as Reply[];
  }

  #checked(reply: Reply, shape: ReplyShape | undefined, command: string, key: Command[number] | undefined): Reply {
    try {
      checkReply(reply, shape, command, this.where);
      return reply instanceof TtsctlError ? withKey(reply, `${this.prefix}${key}`, this.where) : reply;
    } catch (error) {
      this.drop(error as TtsctlError);
      throw error;
    }
  }

  /** All commands go out in one write. */
  #together<T>(send: () => T): T {
    const streams = this.streams();
    for (const stream of streams) stream?.cork();
    try {
      return send();
    } finally {
      for (const stream of streams) stream?.uncork();
    }
  }
}

/**
 * If a null reply arrives and no command is waiting, ioredis throws an exception that can't be caught. So its queue always
 * has one more command, which drops the connection; when ioredis empties the queue, that one ends it.
 */
export function guardQueue(redis: Redis, drop: (why: TtsctlError) => void, where: string): void {
  const queue = redis.commandQueue;
  const next = queue.shift.bind(queue);
  let isEmptied = false;
  const resolve = () => drop(notRedis("sent an answer that no command asked for", where));
  const reject = (error: unknown) => {
    if (error instanceof ReplyError) resolve();
    else isEmptied = true;
  };
  const stray = { command: { name: "", args: [], resolve, reject } } as unknown as ReturnType<typeof next>;
  queue.shift = () => next() ?? (isEmptied ? undefined : stray);
}
