import { TtsctlError } from "../../errors.ts";
import { INDEX_KEY, SYNCED_KEY, SYNCING_KEY } from "../../store/layout/keys.ts";
import { type Layout, PLAIN } from "../../store/layout/layout.ts";
import type { Command, RedisCommands, Reply } from "../../store/redis/commands.ts";
import { fail, ok, type Probe, Skip, type Verdict } from "./probe.ts";

/** Keys of nobody, so that even a command that ran would change nothing that is there. */
const HASH = PLAIN.taskKey("ttsctl-doctor", "none");
const USER_INDEX = PLAIN.indexKey("ttsctl-doctor");

/** Every command that is sent, in scripts or not, on each kind of key; a test compares this with the source. */
export function neededCommands(isCluster: boolean, { lookup }: Layout): readonly Command[] {
  const key = lookup?.key("ttsctl-doctor");
  return [
    ["ZCARD", INDEX_KEY],
    ["ZCOUNT", INDEX_KEY, "0", "0"],
    ["ZRANGE", INDEX_KEY, "0", "0"],
    ["ZRANDMEMBER", INDEX_KEY, "1"],
    ["ZSCORE", INDEX_KEY, "none"],
    ["ZMSCORE", INDEX_KEY, "none"],
    ["ZRANK", INDEX_KEY, "none"],
    ["ZREVRANK", INDEX_KEY, "none"],
    ["ZADD", INDEX_KEY, "XX", "0", "none"],
    ["ZREM", INDEX_KEY, "none"],
    ["ZADD", USER_INDEX, "XX", "0", "none"],
    ["ZREM", USER_INDEX, "none"],
    ["HGET", HASH, "status"],
    ["HMGET", HASH, "status"],
    ["EXISTS", HASH],
    ["HSET", HASH, "status", "none"],
    ["UNLINK", HASH],
    ["GET", SYNCED_KEY],
    ["SET", SYNCED_KEY, "", "XX", "NX"],
    ["DEL", SYNCING_KEY],
    ["EVAL", "return 0", "1", INDEX_KEY],
    ["EVALSHA", "0".repeat(40), "1", INDEX_KEY],
    ["TYPE", HASH],
    ["ZSCAN", INDEX_KEY, "0"],
    ["SCAN", "0"],
    ["TIME"],
    ...(key === undefined ? [] : [["GET", key] as const, ["SET", key, "", "XX", "NX"] as const, ["DEL", key] as const]),
    // Where the slots are, and the word before a command whose slot moves.
    ...(isCluster ? [["CLUSTER", "SLOTS"] as const, ["ASKING"] as const] : []),
  ];
}

/**
 * What the Redis user may do. The commands are queued in a transaction that is discarded: rights are checked on the way into
 * the queue, before a node of a cluster checks whether it has the key.
 */
export async function checkRights(probe: Probe): Promise<Verdict> {
  const client = await probe.client();
  const needed = neededCommands(client.isCluster, (await probe.mirror()).layout);
  const isDenied = (reply: Reply) => reply instanceof TtsctlError && reply.code === "REDIS_DENIED";
  // What could not be discarded would hold all that comes later.
  const [discarded] = await onAll(client, [["DISCARD"]]);
  const [begun] = discarded!.some(isDenied) ? [["denied"]] : await onAll(client, [["MULTI"]]);
  if (begun!.some((reply) => reply !== "OK")) {
    await onAll(client, [["DISCARD"]]);
    throw new Skip("the Redis user may not use MULTI or DISCARD, so its rights are unknown");
  }
  const replies = await onAll(client, [...needed, ["DISCARD"]]);
  const denied = needed.filter((_, i) => replies[i]!.some(isDenied));
  if (denied.length === 0) return ok("all commands and keys that ttsctl uses");
  const { isCluster, prefix = "" } = client;
  const hint = `ACL SETUSER ... ~${prefix}tts:* ${ACL_COMMANDS}${isCluster ? " +cluster|slots" : ""}`;
  return fail(`the Redis user may not ${byKey(denied, prefix)}`, hint);
}

const ACL_COMMANDS = "+@read +@write +@scripting +@connection +@transaction +time +info";

/** The replies of every primary to each command; they are sent together, in this order. */
async function onAll(client: RedisCommands, commands: readonly Command[]): Promise<Reply[][]> {
  const replies = await Promise.all(commands.map((command) => client.each(...command)));
  return replies.map((ofOne) => ofOne.map(({ reply }) => reply));
}

/** Commands under the keys that they are for. */
function byKey(commands: readonly Command[], prefix: string): string {
  const groups = new Map<string, Set<string>>();
  for (const [name, key] of commands) {
    const text = String(key ?? "");
    const on = text.startsWith("tts:") ? ` on ${prefix}${text.replace(/ttsctl-doctor(:none)?/, "*")}` : "";
    groups.set(on, (groups.get(on) ?? new Set()).add(String(name)));
  }
  return [...groups].map(([on, names]) => `${[...names].join(", ")}${on}`).join("; ");
}
