import { createHash } from "node:crypto";
import { TtsctlError } from "../../errors.ts";
import { askSlots, primariesOf, type SlotMap } from "./cluster-slots.ts";
import type { Command, RedisCommands } from "./commands.ts";
import { ServerError, unsettledError } from "./errors.ts";
import { notRedis, START } from "./reply-shape.ts";
import type { Address } from "./target.ts";

/** How often a walk begins again because slots moved meanwhile. */
const MAX_AGAIN = 5;

/** The nodes of a cluster, by their names, as far as they are known. */
export interface Nodes {
  primaries(): readonly string[];
  primaryOf(key: string): string;
  addressOf(name: string): Address;
  connectTo(name: string): Promise<RedisCommands>;
  /** Takes a step about a key, again if its node is lost. */
  follow<T>(key: string, step: () => Promise<T>): Promise<T>;
}

// Slots move from node to node. A walk returns what is there throughout at least once: if it may have missed something, it
// begins again by itself, and gives up after some times.

/** Scans the keys of all primaries, one after the other, again if a slot has another primary at the end. */
export async function* scanKeys(nodes: Nodes, rest: Command): AsyncGenerator<string[]> {
  let { names, print } = await survey(nodes);
  for (let again = 0; ; again++) {
    for (const name of names) yield* (await nodes.connectTo(name)).scan(["SCAN"], ...rest);
    const end = await survey(nodes);
    if (end.print === print) return;
    if (again === MAX_AGAIN) throw movesOn("the keys");
    ({ names, print } = end);
  }
}

/** Scans an index, again if its slot moves: a cursor is only good for the node that gave it. */
export async function* scanIndex(nodes: Nodes, key: string, rest: Command): AsyncGenerator<string[]> {
  let [cursor, name, again]: [string, string, number] = [START, "", 0];
  const step = async (): Promise<string[]> => {
    if (cursor === START) name = nodes.primaryOf(key);
    for (let redirects = 0; again <= MAX_AGAIN && redirects <= MAX_AGAIN; redirects++) {
      const node = await nodes.connectTo(name);
      const [, reply] = await node.pipeline([["ASKING"], ["ZSCAN", key, cursor, ...rest]]);
      const to = reply instanceof ServerError && /^(?:MOVED|ASK) \d+ (.+)/.exec(reply.reply)?.[1];
      if (!to && reply instanceof TtsctlError) throw reply;
      if (!to) {
        const [next, members] = reply as [string, string[]];
        if (next === cursor && next !== START) throw notRedis(`keeps answering ZSCAN with cursor ${next}`, node.where);
        cursor = next;
        return members;
      }
      if (cursor !== START) again++;
      [cursor, name] = [START, to];
    }
    throw movesOn(key);
  };
  do yield await nodes.follow(key, step);
  while (cursor !== START);
}

/** The primaries there are, also those that only one of the others knows of yet, and how all say that the slots lie. */
async function survey(nodes: Nodes): Promise<{ names: string[]; print: string }> {
  const told = await Promise.all(nodes.primaries().map((name) => ask(nodes, name)));
  const maps = told.filter((map): map is SlotMap => !(map instanceof TtsctlError));
  if (maps.length === 0) throw told[0];
  const names = [...new Set(maps.flatMap(({ primaries }) => primariesOf(primaries)))].sort();
  return { names, print: [...new Set(maps.map(printOf))].sort().join() };
}

async function ask(nodes: Nodes, name: string): Promise<SlotMap | TtsctlError> {
  try {
    return await askSlots(await nodes.connectTo(name), nodes.addressOf(name));
  } catch (error) {
    if (error instanceof TtsctlError) return error;
    throw error;
  }
}

/** The same text for maps by which every slot is served by the same primary. */
function printOf({ primaries }: SlotMap): string {
  return createHash("sha1").update(primaries.join()).digest("hex");
}

function movesOn(what: string): ServerError {
  return unsettledError(`the slots of the Redis cluster keep moving: ${what} cannot be read whole`);
}
