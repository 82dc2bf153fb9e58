import { onTestFinished } from "vitest";
import type { Address } from "../../../src/printable.ts";
import { ClusterClient } from "../../../src/store/redis/cluster-client.ts";
import type { Command, Reply } from "../../../src/store/redis/commands.ts";
import { SLOTS } from "../../../src/store/redis/slots.ts";
import { serve, type TestServer } from "../../helpers/faults.ts";
import { targetAt } from "../../helpers/targets.ts";

type Answer = (command: Command) => Reply | string;

/** In place of an answer: the connection ends. */
export const CUT = "cut";

/** In place of an answer: none comes, and none to what is sent after it. */
export const SILENCE = "silence";

/** What clients send besides the commands of a test. */
const OF_CLIENTS = new Set(["PING", "CLIENT", "READONLY", "READWRITE", "ASKING"]);

/** A node that says what a test has it say, where no real one can be brought to say it at a time of one's choice. */
export class PaperNode {
  /** The slots that it reports: first, last, name of the primary. */
  slots: (readonly [number, number, string])[] = [];
  isUp = true;
  /** An answer that begins with `-` is an error. */
  answer: Answer = () => "OK";
  readonly heard: Command[] = [];
  #server!: TestServer;

  static async start(): Promise<PaperNode> {
    const node = new PaperNode();
    node.#server = await serve((socket) => {
      let unread = "";
      socket.on("data", (chunk) => {
        unread += chunk.toString("latin1");
        for (let command = firstOf(unread); command !== null; command = firstOf(unread)) {
          unread = unread.slice(command.length);
          const reply = node.#reply(command.words);
          if (reply === CUT) socket.destroy();
          else if (reply !== SILENCE) socket.write(encoded(reply));
        }
      });
    });
    onTestFinished(() => node.shutDown());
    return node;
  }

  get address(): Address {
    return { host: "127.0.0.1", port: this.#server.port };
  }

  get connections(): number {
    return this.#server.connections;
  }

  get name(): string {
    return `127.0.0.1:${this.#server.port}`;
  }

  /** From now on it takes no connections. */
  async shutDown(): Promise<void> {
    await this.#server.stop();
  }

  #reply(command: Command): Reply {
    if (command[1] === "SLOTS") {
      return this.slots.map(([from, to, name]) => {
        const [host, port] = name.split(":");
        return [from, to, [host!, Number(port)]];
      });
    }
    if (command[1] === "INFO") return `cluster_state:${this.isUp ? "ok" : "fail"}\r\n`;
    if (OF_CLIENTS.has(String(command[0]).toUpperCase())) return command[0] === "PING" ? "PONG" : "OK";
    this.heard.push(command);
    return this.answer(command);
  }
}

/** The first whole command in what was sent. */
function firstOf(sent: string): { words: string[]; length: number } | null {
  const head = /^\*(\d+)\r\n/.exec(sent);
  if (head === null) return null;
  const words: string[] = [];
  let at = head[0].length;
  for (let i = 0; i < Number(head[1]); i++) {
    const size = /^\$(\d+)\r\n/.exec(sent.slice(at));
    if (size === null) return null;
    at += size[0].length;
    const word = sent.slice(at, at + Number(size[1]));
    at += Number(size[1]) + 2;
    words.push(word);
  }
  return at > sent.length ? null : { words, length: at };
}

function encoded(reply: Reply): string {
  if (Array.isArray(reply)) return `*${reply.length}\r\n${reply.map(encoded).join("")}`;
  if (typeof reply === "number") return `:${reply}\r\n`;
  const text = String(reply);
  return text.startsWith("-") ? `${text}\r\n` : `$${text.length}\r\n${text}\r\n`;
}

/** Some nodes in the order of their names, the first of which serves all slots, as each of them says. */
export async function paperNodes(count: number): Promise<PaperNode[]> {
  const nodes = await Promise.all(Array.from({ length: count }, () => PaperNode.start()));
  nodes.sort((one, other) => (one.name < other.name ? -1 : 1));
  serves(nodes[0]!, nodes);
  return nodes;
}

/** Has some nodes say that one serves all slots. */
export function serves(primary: PaperNode, tellers: readonly PaperNode[]): void {
  for (const node of tellers) node.slots = [[0, SLOTS - 1, primary.name]];
}

/** @param seeds which nodes are named, in that order; default: all */
export async function connectOnPaper(
  nodes: readonly PaperNode[],
  { seeds = nodes, note = (_: readonly Address[]) => {} } = {},
): Promise<ClusterClient> {
  const place = { kind: "cluster" as const, nodes: seeds.map(({ address }) => address) };
  const target = { ...targetAt(1, { timeout: 0.6 }), place };
  const client = await ClusterClient.connect(target, { nodes: place.nodes, note });
  onTestFinished(() => client.close());
  return client;
}
