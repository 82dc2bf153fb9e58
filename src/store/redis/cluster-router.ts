import { setTimeout as sleep } from "node:timers/promises";
import { TtsctlError } from "../../errors.ts";
import { mayBeOtherwiseElsewhere } from "./cluster-entrance.ts";
import type { ClusterNodes } from "./cluster-nodes.ts";
import type { ClusterView } from "./cluster-view.ts";
import { keyOf } from "./command-key.ts";
import type { Command, Reply } from "./commands.ts";
import { ServerError } from "./errors.ts";
import { redirectOf } from "./redirect.ts";
import { slotOf } from "./slots.ts";

/** Replies, and the node that gave each. */
export interface Answers {
  readonly replies: Reply[];
  readonly by: string[];
}

/** Between two attempts where the cluster is not whole, or moves slots faster than its nodes tell: at first, and at most. */
const RETRY_MS = { first: 25, most: 400 };

/** A command of a pipeline that is still to be sent. */
interface Due {
  readonly at: number;
  /** The node that takes it this one time, while its slot moves there. */
  readonly ask?: string;
}

/** What became of the commands that were sent once. */
interface Round {
  /** What no node executed. */
  readonly again: Due[];
  /** The nodes that said MOVED, which know better. */
  readonly knowing: Set<string>;
  /** The nodes that said CLUSTERDOWN or could not be connected to: they may have left the cluster. */
  readonly out: Set<string>;
  /** Why a node could not be connected to, by the command that was for it. */
  readonly refused: Map<Due, TtsctlError>;
}

/** Sends each command to the node that serves its key, and after it where the key is gone. */
export class ClusterRouter {
  readonly #nodes: ClusterNodes;
  readonly #view: ClusterView;
  readonly #timeoutMs: number;

  constructor(nodes: ClusterNodes, view: ClusterView, timeoutMs: number) {
    this.#nodes = nodes;
    this.#view = view;
    this.#timeoutMs = timeoutMs;
  }

  /** Sends commands until each was executed, or the time is up. */
  async settle(commands: readonly Command[]): Promise<Answers> {
    const answers: Answers = { replies: new Array(commands.length), by: new Array(commands.length) };
    const deadline = performance.now() + this.#timeoutMs;
    let due: readonly Due[] = commands.map((_, at) => ({ at }));
    for (let round = 0; due.length > 0; round++) {
      if (round > 1) await sleep(Math.min(RETRY_MS.first * 2 ** (round - 2), RETRY_MS.most));
      due = await this.#send(commands, due, answers, deadline);
      if (performance.now() > deadline) break;
    }
    for (const { at } of due)
      answers.replies[at] = this.#unsettled(commands[at]!, answers.replies[at]!, answers.by[at]!);
    return answers;
  }

  /** Sends what is due, sets its replies, and returns what no node executed. */
  async #send(commands: readonly Command[], due: readonly Due[], answers: Answers, deadline: number): Promise<Due[]> {
    const groups = new Map<string, Due[]>();
    for (const item of due) {
      const name = item.ask ?? this.#view.nodeFor(commands[item.at]!);
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [item]);
      else group.push(item);
    }
    const round: Round = { again: [], knowing: new Set(), out: new Set(), refused: new Map() };
    const ends = await Promise.allSettled(
      [...groups].map(([name, group]) => this.#sendTo(name, group, commands, answers, round)),
    );
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    if (round.knowing.size + round.out.size > 0) await this.#view.refresh(deadline, round.knowing, round.out);
    for (const [{ at, ask }, error] of round.refused) {
      if (ask === undefined && this.#view.nodeFor(commands[at]!) !== answers.by[at]) continue;
      this.#nodes.lose(error);
      throw error;
    }
    return round.again;
  }

  async #sendTo(name: string, group: readonly Due[], commands: readonly Command[], answers: Answers, round: Round) {
    for (const { at } of group) answers.by[at] = name;
    const node = await this.#nodes.reach(name).catch((error: unknown) => {
      if (error instanceof TtsctlError && mayBeOtherwiseElsewhere(error)) return error;
      if (error instanceof TtsctlError) this.#nodes.lose(error);
      throw error;
    });
    if (node instanceof TtsctlError) {
      round.out.add(name);
      for (const item of group) {
        answers.replies[item.at] = node;
        round.refused.set(item, node);
      }
      round.again.push(...group);
      return;
    }
    const sent: Command[] = [];
    for (const { at, ask } of group) sent.push(...(ask === undefined ? [] : [ASKING]), commands[at]!);
    const answered = await node.pipeline(sent);
    let next = 0;
    for (const { at, ask } of group) {
      if (ask !== undefined) next++;
      answers.replies[at] = answered[next++]!;
      this.#redirect(at, name, answers.replies[at], round);
    }
  }

  /** Notes what a node said of a command that it did not execute. */
  #redirect(at: number, name: string, reply: Reply, { again, knowing, out }: Round): void {
    const redirect = redirectOf(reply, this.#nodes.addressOf(name));
    if (redirect === null) return;
    again.push(redirect.kind === "ask" ? { at, ask: redirect.to } : { at });
    if (redirect.kind === "down") out.add(name);
    if (redirect.kind !== "moved") return;
    knowing.add(name);
    this.#view.map.move(redirect.slot, redirect.to);
  }

  /** What a node would not do until the time was up. Where it is down for so long, other nodes may serve it meanwhile. */
  #unsettled(command: Command, reply: Reply, name: string): Reply {
    if (!(reply instanceof ServerError)) return reply;
    const key = keyOf(command);
    const what = key === null ? name : `slot ${slotOf(key)} at ${name}`;
    const error = new TtsctlError(
      "REDIS_CLUSTER",
      `the Redis cluster does not settle in time: ${what}: ${reply.reply}`,
      {
        hint: "wait for its failover or resharding to end; `redis-cli --cluster check` tells more",
      },
    );
    if (redirectOf(reply, this.#nodes.addressOf(name))?.kind !== "wait") this.#nodes.lose(error);
    return error;
  }
}

const ASKING: Command = ["ASKING"];
