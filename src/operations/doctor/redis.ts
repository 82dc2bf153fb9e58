import { TtsctlError } from "../../errors.ts";
import { groupedBy } from "../../pool.ts";
import { type Address, addressText } from "../../printable.ts";
import { INDEX_KEY, SYNCED_KEY, SYNCING_KEY } from "../../store/layout/keys.ts";
import { type Layout, PLAIN } from "../../store/layout/layout.ts";
import type { Command, RedisCommands, Reply } from "../../store/redis/commands.ts";
import type { SentinelAnswer } from "../../store/redis/sentinel.ts";
import { SLOTS } from "../../store/redis/target.ts";
import { counted } from "../../task/amounts.ts";
import {
  type Checks,
  fail,
  type Info,
  type NodeInfo,
  ok,
  type Probe,
  parseInfo,
  Skip,
  type Status,
  type Verdict,
  warn,
} from "./probe.ts";

export const REDIS_CHECKS: Checks = {
  /** All Sentinels are asked: the others are needed once the first is gone. */
  "redis.sentinel": async ({ parts: { askSentinels } }) => askSentinels && sentinelVerdict(await askSentinels()),

  async redis(probe) {
    const client = await probe.connect();
    const { clock } = probe.parts;
    const times: number[] = [];
    for (let i = 0; i < PINGS; i++) {
      const began = clock.monotonic();
      for (const { reply } of await client.each("PING")) if (reply instanceof TtsctlError) throw reply;
      times.push((clock.monotonic() - began) * 1000);
    }
    const median = times.sort((a, b) => a - b)[Math.floor(PINGS / 2)]!;
    const detail = `${client.where} answers in ${median.toFixed(1)} ms`;
    if (median < SLOW_MS) return ok(detail);
    return warn(detail, "the network is slow or the server is busy, which delays each page and sync");
  },

  "redis.version": async (probe) => ofEachNode(await probe.infos(), versionVerdict),

  async "redis.role"(probe) {
    const client = await probe.client();
    if (client.isCluster) return clusterVerdict(client);
    const { info } = (await probe.infos())[0]!;
    if (info.get("redis_mode") === "cluster") {
      const detail = "one node of a cluster: it has only some of the tasks";
      return fail(detail, "set [redis] cluster = true, or REDIS_CLUSTER");
    }
    if (info.get("role") !== "slave") return ok("primary");
    const primary = `${info.get("master_host")}:${info.get("master_port")}`;
    const detail = `a replica of ${primary}: nothing can be written to it`;
    return fail(detail, "name the primary in [redis] host and port, or url");
  },

  "redis.memory": async (probe) => ofEachNode(await probe.infos(), memoryVerdict),

  "redis.persistence": async (probe) => ofEachNode(await probe.infos(), persistenceVerdict),

  "redis.rights": checkRights,

  async "redis.database"(probe) {
    const { db } = probe.parts;
    const tasks = await tasksIn(await probe.client());
    if (tasks > 0) return ok(`db ${db} has ${counted(tasks, "task")}`);
    const elsewhere = await otherDatabases(probe);
    const mirror = await probe.mirrorOrNull();
    if (mirror !== null && (await mirror.hasMore(undefined, 0)))
      return fail(`db ${db} has tasks, but their index ${INDEX_KEY} was lost`, LOST_INDEX);
    if (elsewhere.length === 0) return ok(`db ${db} has no tasks yet`);
    const hint = "if the service uses another one, set [redis] db, REDIS_DB or the database in the URL";
    return warn(`db ${db} has no tasks, but ${elsewhere.join(", ")}`, hint);
  },
};

const LOST_INDEX =
  "`ttsctl verify --repair` puts it back; with --restore also a lost store file (move a damaged one aside first)";
const PINGS = 5;
/** Milliseconds; a server on the same network answers in well under one. */
const SLOW_MS = 50;

function versionVerdict(info: Info): Verdict {
  const valkey = info.get("valkey_version");
  if (valkey !== undefined) return ok(`Valkey ${valkey}`);
  const redis = info.get("redis_version");
  if (redis !== undefined && redis.localeCompare("6.2", "en", { numeric: true }) >= 0) return ok(`Redis ${redis}`);
  return fail(`Redis ${redis ?? "of an unknown version"} is too old`, "install Redis 6.2 or newer, or Valkey");
}

const NEARLY_FULL = 0.9;

function memoryVerdict(info: Info): Verdict {
  const [used, most] = [numberOf(info, "used_memory"), numberOf(info, "maxmemory")];
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  const limit = most === 0 ? "no maxmemory" : `maxmemory ${(most / 1e6).toFixed(1)} MB`;
  const detail = `${(used / 1e6).toFixed(1)} MB used, ${limit}, ${policy}`;
  if (policy !== "noeviction") {
    const when = most === 0 ? "if maxmemory is set" : "when memory is full";
    const hint = "set maxmemory-policy noeviction; `ttsctl sync` restores evicted tasks";
    return warn(`${detail}: ${when}, Redis may evict tasks`, hint);
  }
  if (most === 0 || used <= most * NEARLY_FULL) return ok(detail);
  return warn(`${detail}: nearly full`, "raise maxmemory, or purge finished tasks with `ttsctl cleanup`");
}

function persistenceVerdict(info: Info): Verdict {
  const failed = ["rdb_last_bgsave_status", "aof_last_write_status"].filter((field) => info.get(field) === "err");
  if (failed.length > 0) {
    return warn(`Redis cannot save to its disk (${failed.join(", ")})`, "it may refuse writes: check its log and disk");
  }
  if (info.get("aof_enabled") === "1") return ok("every write is appended to a file");
  const saves = numberOf(info, "rdb_saves");
  if (saves > 0) return ok(`${counted(saves, "snapshot")} since Redis started`);
  // Redis 6.2 doesn't count them.
  const what = info.has("rdb_saves") ? "no snapshot since Redis started" : "writes aren't appended to a file";
  return ok(`${what}: after a restart of Redis, run \`ttsctl sync\``);
}

/** Such as `db 3 has 12`. */
async function otherDatabases(probe: Probe): Promise<string[]> {
  const found: string[] = [];
  const { connect, db } = probe.parts;
  if (typeof connect !== "function" || (await probe.client()).isCluster) return found;
  for (const name of (await probe.infos())[0]!.info.keys()) {
    const other = /^db\d+$/.test(name) ? Number(name.slice(2)) : db;
    if (other === db) continue;
    const client = await connect(other);
    try {
      const count = await tasksIn(client);
      if (count > 0) found.push(`db ${other} has ${count}`);
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error; // another program's index, or one that the user may not read
    } finally {
      client.close();
    }
  }
  return found;
}

async function tasksIn(client: RedisCommands): Promise<number> {
  return (await client.command("ZCARD", INDEX_KEY)) as number;
}

const CHECK_HINT = "`redis-cli --cluster check HOST:PORT` lists the slots and nodes; `--cluster fix` repairs the slots";

async function clusterVerdict(client: RedisCommands): Promise<Verdict> {
  const asked = [client.command("CLUSTER", "INFO"), client.command("CLUSTER", "NODES")];
  const replies = await Promise.all(asked).catch((error) => {
    if (!(error instanceof TtsctlError) || error.code !== "REDIS_DENIED") throw error;
    throw new Skip("the Redis user needs the right to run CLUSTER INFO and CLUSTER NODES");
  });
  const [info, nodes] = [parseInfo(String(replies[0])), parseNodes(String(replies[1]))];
  const served = numberOf(info, "cluster_slots_ok");
  const down = nodes.filter(({ isDown }) => isDown).map(({ where }) => where);
  const primaries = nodes.filter(({ isPrimary }) => isPrimary);
  const alone = primaries.filter(({ id }) => !nodes.some(({ of, isDown }) => of === id && !isDown)).length;
  const size = `${primaries.length} ${primaries.length === 1 ? "primary" : "primaries"}, ${counted(nodes.length - primaries.length, "replica")}`;
  const state = info.get("cluster_state");
  if (served < SLOTS || state !== "ok") {
    const gone = down.length > 0 ? `; down: ${down.join(", ")}` : "";
    return fail(`a cluster in the state ${state}: ${served} of ${SLOTS} slots are served${gone}`, CHECK_HINT);
  }
  if (down.length > 0) return warn(`a cluster of ${size}; down: ${down.join(", ")}`, CHECK_HINT);
  return ok(`a cluster of ${size}, all slots served${alone > 0 ? `; ${alone} without a replica` : ""}`);
}

/** The lines of `CLUSTER NODES`; `of` is the id of the primary that a node is a replica of. */
function parseNodes(text: string) {
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => {
    const [id = "", address = "", flags = "", of = "", , , , , ...slots] = line.split(" ");
    const isDown = /\b(fail|noaddr)\b/.test(flags);
    return { id, of, where: address.replace(/[@,].*/, ""), isDown, isPrimary: slots.length > 0 };
  });
}

function sentinelVerdict(answers: readonly SentinelAnswer[]): Verdict {
  const failures = answers.map(({ answer }) => answer).filter((answer) => answer instanceof TtsctlError);
  const given = answers.filter(({ answer }) => !(answer instanceof TtsctlError));
  const named = groupedBy(given, ({ answer }) => addressText(answer as Address));
  const [first] = named.keys();
  const silent = failures.map(({ message }) => message).join("; ");
  const known = failures.find(({ hint }) => hint !== undefined)?.hint;
  const hint = known ?? "check that all Sentinels in [redis] sentinels are running";
  if (first === undefined) return fail(silent, hint);
  if (named.size > 1) {
    const list = [...named].map(([primary, by]) => `${primary} by ${by.map(({ sentinel }) => sentinel).join(", ")}`);
    const detail = `the Sentinels do not agree on the primary: ${list.join("; ")}`;
    return warn(detail, "a failover is under way, or they can't reach each other");
  }
  const all = counted(answers.length, "Sentinel");
  const verdict = `${first}, named as the primary by ${answers.length - failures.length} of ${all}`;
  return silent === "" ? ok(verdict) : warn(`${verdict}; ${silent}`, hint);
}

const WORST_FIRST: readonly Status[] = ["fail", "warn", "skip", "ok"];

/** The worst verdict of all nodes; if there are several, with the nodes that it is about. */
function ofEachNode(nodes: readonly NodeInfo[], verdictOf: (info: Info) => Verdict): Verdict {
  const verdicts = nodes.map(({ where, info }) => ({ where, ...verdictOf(info) }));
  const status = WORST_FIRST.find((worst) => verdicts.some((verdict) => verdict.status === worst))!;
  const worst = verdicts.filter((verdict) => verdict.status === status);
  const { hint } = worst[0]!;
  if (nodes.length === 1) return { status, detail: worst[0]!.detail, hint };
  const details = groupedBy(worst, ({ detail }) => detail);
  const everywhere = details.size === 1 && worst.length === nodes.length;
  const named = [...details].map(([detail, some]) => `${some.map(({ where }) => where).join(", ")}: ${detail}`);
  return { status, detail: everywhere ? `${worst[0]!.detail}, on ${nodes.length} nodes` : named.join("; "), hint };
}

/** A number of INFO; 0 if the server doesn't send it. */
function numberOf(info: Info, field: string): number {
  return Number(info.get(field)) || 0;
}

/** Unused keys: even a command that ran would change no task. */
const HASH = PLAIN.taskKey("ttsctl-doctor", "none");
const USER_INDEX = PLAIN.indexKey("ttsctl-doctor");

/** What is sent on each kind of key, as `COMMAND ARGUMENT ...` without the key. */
const ON_KEYS: readonly (readonly [key: string, commands: string])[] = [
  [INDEX_KEY, "ZCARD, ZCOUNT 0 0, ZRANGE 0 0, ZRANDMEMBER 1, ZSCORE none, ZMSCORE none, ZRANK none, ZREVRANK none"],
  [INDEX_KEY, "ZADD XX 0 none, ZREM none, ZSCAN 0"],
  [USER_INDEX, "ZADD XX 0 none, ZREM none"],
  [HASH, "HGET status, HMGET status, EXISTS, HSET status none, UNLINK, TYPE"],
  [SYNCED_KEY, "GET, SET none XX NX"],
  [SYNCING_KEY, "DEL"],
];

/** Every command that is sent, in scripts or not, on each kind of key; a test compares this with the source. */
export function neededCommands(isCluster: boolean, layout: Layout): readonly Command[] {
  const onLookup = layout.hasLookups ? [[layout.lookupKey("ttsctl-doctor"), "GET, SET none XX NX, DEL"] as const] : [];
  const onKeys = [...ON_KEYS, ...onLookup].flatMap(([key, commands]) =>
    commands.split(", ").map((command): Command => {
      const [name = "", ...rest] = command.split(" ");
      return [name, key, ...rest];
    }),
  );
  return [
    ...onKeys,
    ["EVAL", "return 0", "1", INDEX_KEY],
    ["EVALSHA", "0".repeat(40), "1", INDEX_KEY],
    ["SCAN", "0"],
    ["TIME"],
    // The map of the slots, and the word before a command whose slot moves.
    ...(isCluster ? [["CLUSTER", "SLOTS"] as const, ["ASKING"] as const] : []),
  ];
}

/** Queues commands in a transaction that is discarded: rights are checked first, before a cluster node checks for the key. */
async function checkRights(probe: Probe): Promise<Verdict> {
  const client = await probe.client();
  const needed = neededCommands(client.isCluster, (await probe.mirror()).layout);
  const isDenied = (reply: Reply) => reply instanceof TtsctlError && reply.code === "REDIS_DENIED";
  // A transaction that the user may not discard would queue all later commands.
  const [discarded] = await onAll(client, [["DISCARD"]]);
  const [begun] = discarded!.some(isDenied) ? [["denied"]] : await onAll(client, [["MULTI"]]);
  if (begun!.some((reply) => reply !== "OK")) {
    await onAll(client, [["DISCARD"]]);
    throw new Skip("Redis refuses MULTI or DISCARD, so the rights of the Redis user are unknown");
  }
  const replies = await onAll(client, [...needed, ["DISCARD"]]);
  const denied = needed.filter((_, i) => replies[i]!.some(isDenied));
  if (denied.length === 0) return ok("all commands and keys that ttsctl uses");
  const { isCluster, prefix = "" } = client;
  const hint = `ACL SETUSER ... ~${prefix}tts:* ${ACL_COMMANDS}${isCluster ? " +cluster|slots" : ""}`;
  return fail(`the Redis user may not run ${byKey(denied, prefix)}`, hint);
}

const ACL_COMMANDS = "+@read +@write +@scripting +@connection +@transaction +time +info";

/** The replies of every primary to each command; they are sent together, in this order. */
async function onAll(client: RedisCommands, commands: readonly Command[]): Promise<Reply[][]> {
  const replies = await Promise.all(commands.map((command) => client.each(...command)));
  return replies.map((ofOne) => ofOne.map(({ reply }) => reply));
}

function byKey(commands: readonly Command[], prefix: string): string {
  const groups = groupedBy(commands, ([, key]) => {
    const text = String(key ?? "");
    return text.startsWith("tts:") ? ` on ${prefix}${text.replace(/ttsctl-doctor(:none)?/, "*")}` : "";
  });
  return [...groups].map(([on, some]) => `${[...new Set(some.map(([name]) => name))].join(", ")}${on}`).join("; ");
}
