import type { TtsctlError } from "../../errors.ts";
import { SCRIPTS, WITHOUT_KEY } from "./command-key.ts";
import type { Command, NodeReply, RedisCommands, Reply } from "./commands.ts";
import type { Script } from "./script.ts";

/** Puts a prefix before the keys of every command, and takes it from the keys that SCAN returns. */
export class PrefixedCommands implements RedisCommands {
  readonly #commands: RedisCommands;
  readonly prefix: string;

  constructor(commands: RedisCommands, prefix: string) {
    this.#commands = commands;
    this.prefix = prefix;
  }

  get where(): string {
    return this.#commands.where;
  }

  get isCluster(): boolean {
    return this.#commands.isCluster;
  }

  get lost(): Promise<TtsctlError> {
    return this.#commands.lost;
  }

  async command(...command: Command): Promise<Reply> {
    return this.#without(command, await this.#commands.command(...this.#with(command)));
  }

  async pipeline(commands: readonly Command[]): Promise<Reply[]> {
    const replies = await this.#commands.pipeline(commands.map((command) => this.#with(command)));
    return replies.map((reply, i) => this.#without(commands[i]!, reply));
  }

  script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> {
    return this.#commands.script(
      script,
      keys.map((key) => this.prefix + key),
      args,
    );
  }

  async each(...command: Command): Promise<NodeReply[]> {
    const replies = await this.#commands.each(...this.#with(command));
    return replies.map(({ where, reply }) => ({ where, reply: this.#without(command, reply) }));
  }

  close(): void {
    this.#commands.close();
  }

  #with(command: Command): Command {
    const name = String(command[0]);
    if (name === "ACL" && command[1] === "DRYRUN") return [...command.slice(0, 3), ...this.#with(command.slice(3))];
    if (name === "SCAN") return command.map((word, i) => (command[i - 1] === "MATCH" ? this.prefix + word : word));
    if (WITHOUT_KEY.has(name)) return command;
    const [from, count] = SCRIPTS.has(name) ? [3, Number(command[2])] : [1, 1];
    return command.map((word, i) => (i >= from && i < from + count ? this.prefix + word : word));
  }

  #without([name]: Command, reply: Reply): Reply {
    if (name !== "SCAN" || !Array.isArray(reply)) return reply;
    const [cursor, keys] = reply as [string, string[]];
    return [cursor, keys.map((key) => key.slice(this.prefix.length))];
  }
}
