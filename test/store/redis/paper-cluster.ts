import { TtsctlError } from "../../../src/errors.ts";
import { ClusterClient } from "../../../src/store/redis/cluster-client.ts";
import type { NoteNodes } from "../../../src/store/redis/cluster-view.ts";
import type { Command, RedisCommands, Reply } from "../../../src/store/redis/commands.ts";
import { serverError } from "../../../src/store/redis/errors.ts";
import { SLOTS } from "../../../src/store/redis/slots.ts";

type Answer = (command: Command) => Reply | string;

/** A node that says what a test has it say, where no real one can be brought to say it at a time of one's choice. */
export class PaperNode {
  readonly name: string;
  /** By first slot and last, the name of the primary: what it tells of the slots. */
  slots: (readonly [number, number, string])[] = [];
  isUp = true;
  /** Takes no connections. */
  isGone = false;
  /** An answer that begins with `-` is an error. */
  answer: Answer = () => "OK";
  readonly heard: Command[] = [];

  constructor(name: string) {
    this.name = name;
  }

  connect(): RedisCommands {
    if (this.isGone) throw new TtsctlError("REDIS_UNAVAILABLE", `Redis at ${this.name} refuses connections`);
    const pipeline = async (commands: readonly Command[]) => commands.map((command) => this.#reply(command));
    const unused = () => Promise.reject(new Error("not on paper"));
    const lost = new Promise<TtsctlError>(() => {});
    const calls = { command: unused, script: unused, each: unused, close: () => {} };
    return { where: this.name, isCluster: false, lost, pipeline, ...calls };
  }

  #reply(command: Command): Reply {
    if (command[1] === "SLOTS") {
      return this.slots.map(([from, to, name]) => [from, to, [name.split(":")[0]!, Number(name.split(":")[1])]]);
    }
    if (command[1] === "INFO") return `cluster_state:${this.isUp ? "ok" : "fail"}\r\n`;
    this.heard.push(command);
    const reply = this.answer(command);
    return typeof reply === "string" && reply.startsWith("-") ? serverError(reply.slice(1), this.name) : reply;
  }
}

/** Some nodes, the first of which serves all slots, as each of them says. */
export function paperNodes(count: number): PaperNode[] {
  const nodes = Array.from({ length: count }, (_, i) => new PaperNode(`10.0.0.${i + 1}:7000`));
  serves(nodes[0]!, nodes);
  return nodes;
}

/** Has some nodes say that one serves all slots. */
export function serves(primary: PaperNode, tellers: readonly PaperNode[]): void {
  for (const node of tellers) node.slots = [[0, SLOTS - 1, primary.name]];
}

/** @param seeds which nodes are named, in that order; all unless told */
export function connectOnPaper(
  nodes: readonly PaperNode[],
  { seeds = nodes, note = (() => {}) as NoteNodes } = {},
): Promise<ClusterClient> {
  return ClusterClient.connect({
    seeds: seeds.map(({ name }) => ({ host: name.split(":")[0]!, port: Number(name.split(":")[1]) })),
    connect: async ({ host, port }) => nodes.find(({ name }) => name === `${host}:${port}`)!.connect(),
    note,
    timeout: 0.3,
  });
}
