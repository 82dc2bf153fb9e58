import type { TtsctlError } from "../../errors.ts";

/** A server's answer; one item of a batch that failed is an error in its place. */
export type Reply = string | number | null | TtsctlError | Reply[];
/** Whether an answer can be read as that of a command or a script. */
export type ReplyShape = (reply: Reply) => boolean;

export type Command = readonly (string | number)[];

export interface Script {
  /** The name of its method at a client of ioredis. */
  readonly name: string;
  readonly source: string;
  readonly replies: ReplyShape;
  /** Its reply is JSON: as a reply of Redis, each of many short texts costs the client a buffer. */
  readonly isJson: boolean;
}

export interface ScriptRun {
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

export interface NodeReply {
  readonly where: string;
  readonly reply: Reply;
}

/** A Redis that takes commands. What was in flight when it was lost is unknown. */
export interface RedisCommands {
  /** The address as messages show it. */
  readonly where: string;
  /** Precedes each key on the server; absent: nothing. */
  readonly prefix?: string;
  /** In a cluster, no command and no script may have keys of two slots. */
  readonly isCluster: boolean;
  /** Resolves with the reason when the connection is lost. */
  readonly lost: Promise<TtsctlError>;
  /** One command. An error of the server is thrown. */
  command(...command: Command): Promise<Reply>;
  /**
   * Commands in one round trip; a command that the server refused has its error in its place.
   * @throws TtsctlError REDIS_UNAVAILABLE or REDIS_TIMEOUT without a reply: all outcomes are unknown then
   */
  pipeline(commands: readonly Command[]): Promise<Reply[]>;
  /** An error of the server is thrown. */
  script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply>;
  /** Runs it some times at once, each with keys of one slot. An error of the server is in its place. */
  scripts(script: Script, runs: readonly ScriptRun[]): Promise<Reply[]>;
  /** The items of a scan, step by step: what is there throughout comes at least once. @param words before and after the cursor */
  scan(words: readonly string[], ...rest: Command): AsyncGenerator<string[]>;
  /** The same command to every primary there is. An error of a server is in its place. */
  each(...command: Command): Promise<NodeReply[]>;
  /** Receives the messages of some channels; no other command may follow. Absent in a cluster, where each node has its own. */
  subscribe?(pattern: string, receive: (channel: string, message: string) => void): Promise<void>;
  close(): void;
}
