import { TtsctlError } from "../../errors.ts";
import { addressText } from "../../printable.ts";
import { INDEX_KEY } from "../../store/layout/keys.ts";
import type { RedisCommands } from "../../store/redis/commands.ts";
import type { SentinelAnswer } from "../../store/redis/sentinel.ts";
import { SLOTS } from "../../store/redis/slots.ts";
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
import { checkRights } from "./rights.ts";

export const REDIS_CHECKS: Checks = {
  /** Whether all Sentinels answer, and name one primary: the others are needed once the first is gone. */
  async "redis.sentinel"({ parts: { askSentinels } }) {
    return askSentinels === null ? null : sentinelVerdict(await askSentinels());
  },

  async redis(probe) {
    const client = await probe.connect();
    const times: number[] = [];
    for (let i = 0; i < PINGS; i++) {
      const began = performance.now();
      for (const { reply } of await client.each("PING")) if (reply instanceof TtsctlError) throw reply;
      times.push(performance.now() - began);
    }
    const median = times.sort((a, b) => a - b)[Math.floor(PINGS / 2)]!;
    const detail = `${client.where} answers in ${median.toFixed(1)} ms`;
    if (median < SLOW_MS) return ok(detail);
    return warn(detail, "a slow network or a busy server: pages and syncs take as many round trips");
  },

  "redis.version": async (probe) => ofEachNode(await probe.infos("server"), versionVerdict),

  async "redis.role"(probe) {
    const client = await probe.client();
    if (client.isCluster) return clusterVerdict(client);
    const [server, replication] = [await probe.infos("server"), await probe.infos("replication")];
    const { info } = replication[0]!;
    if (server[0]!.info.get("redis_mode") === "cluster") {
      return fail("one node of a cluster: it has some of the tasks", "set [redis] cluster = true, or REDIS_CLUSTER");
    }
    if (info.get("role") !== "slave") return ok("primary");
    const primary = `${info.get("master_host")}:${info.get("master_port")}`;
    return fail(
      `a replica of ${primary}: nothing can be written to it`,
      "name the primary in [redis] host and port, or url",
    );
  },

  "redis.memory": async (probe) => ofEachNode(await probe.infos("memory"), memoryVerdict),

  "redis.persistence": async (probe) => ofEachNode(await probe.infos("persistence"), persistenceVerdict),

  "redis.rights": checkRights,

  async "redis.database"(probe) {
    const { db } = probe.parts;
    const tasks = await tasksIn(await probe.client());
    if (tasks > 0) return ok(`db ${db} has ${tasks} tasks`);
    const elsewhere = await otherDatabases(probe);
    if (elsewhere.length === 0) return ok(`db ${db} has no tasks yet`);
    const list = elsewhere.map(({ other, count }) => `db ${other} has ${count}`).join(", ");
    return warn(`db ${db} has no tasks, but ${list}`, "if the service uses that one: [redis] db, REDIS_DB, or the url");
  },
};

const PINGS = 5;
/** Milliseconds; a server on the same network answers in well under one. */
const SLOW_MS = 50;

export function versionVerdict(info: Info): Verdict {
  const valkey = info.get("valkey_version");
  if (valkey !== undefined) return ok(`Valkey ${valkey}`);
  const redis = info.get("redis_version") ?? "of an unknown version";
  if (isAtLeast(redis, 6, 2)) return ok(`Redis ${redis}`);
  return fail(`Redis ${redis} is too old`, "install Redis 6.2 or newer, or Valkey");
}

/** The share of maxmemory from which on doctor warns. */
const NEARLY_FULL = 0.9;

export function memoryVerdict(info: Info): Verdict {
  const [used, most] = [numberOf(info, "used_memory"), numberOf(info, "maxmemory")];
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  const limit = most === 0 ? "no maxmemory" : `maxmemory ${(most / 1e6).toFixed(1)} MB`;
  const detail = `${(used / 1e6).toFixed(1)} MB used, ${limit}, ${policy}`;
  if (policy !== "noeviction") {
    const effect = most === 0 ? "once a maxmemory is set, tasks would vanish" : "when it is full, tasks vanish";
    return warn(`${detail}: ${effect}`, "maxmemory-policy noeviction; what vanished comes back with `ttsctl sync`");
  }
  if (most > 0 && used > most * NEARLY_FULL) {
    return warn(`${detail}: nearly full`, "raise maxmemory, or purge finished tasks with `ttsctl cleanup`");
  }
  return ok(detail);
}

export function persistenceVerdict(info: Info): Verdict {
  const failed = ["rdb_last_bgsave_status", "aof_last_write_status"].filter((field) => info.get(field) === "err");
  if (failed.length > 0) {
    return warn(`Redis cannot save to its disk (${failed.join(", ")})`, "it may refuse writes: see its log and disk");
  }
  const [appends, saves] = [info.get("aof_enabled") === "1", numberOf(info, "rdb_saves")];
  if (appends) return ok("every write is appended to a file");
  if (saves > 0) return ok(`${saves} snapshots since it started`);
  return ok("nothing was saved since it started: after a restart of Redis run `ttsctl sync`");
}

async function otherDatabases(probe: Probe): Promise<{ other: number; count: number }[]> {
  const found: { other: number; count: number }[] = [];
  const { connect, db } = probe.parts;
  if (typeof connect !== "function" || (await probe.client()).isCluster) return found;
  for (const other of databasesOf((await probe.infos("keyspace"))[0]!.info)) {
    if (other === db) continue;
    const client = await connect(other);
    try {
      const count = await tasksIn(client);
      if (count > 0) found.push({ other, count });
    } catch (error) {
      if (!(error instanceof TtsctlError)) throw error; // an index of somebody else's, or one we may not see
    } finally {
      client.close();
    }
  }
  return found;
}

async function tasksIn(client: Awaited<ReturnType<Probe["client"]>>): Promise<number> {
  return (await client.command("ZCARD", INDEX_KEY)) as number;
}

const CHECK_HINT = "`redis-cli --cluster check HOST:PORT` says which slots and nodes; mend it with `--cluster fix`";

/** The state of a cluster, as one of its nodes sees it. */
async function clusterVerdict(client: RedisCommands): Promise<Verdict> {
  const replies = await client.pipeline([
    ["CLUSTER", "INFO"],
    ["CLUSTER", "NODES"],
  ]);
  for (const reply of replies) {
    if (reply instanceof TtsctlError && reply.code === "REDIS_DENIED") {
      throw new Skip("the Redis user may ask for neither CLUSTER INFO nor CLUSTER NODES");
    }
    if (reply instanceof TtsctlError) throw reply;
  }
  const [info, nodes] = [parseInfo(String(replies[0])), parseNodes(String(replies[1]))];
  const served = numberOf(info, "cluster_slots_ok");
  const down = nodes.filter(({ isDown }) => isDown).map(({ where }) => where);
  const primaries = nodes.filter(({ isPrimary }) => isPrimary);
  const alone = primaries.filter(({ id }) => !nodes.some(({ of, isDown }) => of === id && !isDown)).length;
  const count = primaries.length === 1 ? "1 primary" : `${primaries.length} primaries`;
  const size = `${count}, ${counted(nodes.length - primaries.length, "replica")}`;
  if (served < SLOTS || info.get("cluster_state") !== "ok") {
    const gone = down.length > 0 ? `; down: ${down.join(", ")}` : "";
    return fail(`a cluster that is not whole: ${served} of ${SLOTS} slots are served${gone}`, CHECK_HINT);
  }
  if (down.length > 0) return warn(`a cluster of ${size}, of which these are down: ${down.join(", ")}`, CHECK_HINT);
  return ok(`a cluster of ${size}, all slots served${alone > 0 ? `; ${alone} without a replica` : ""}`);
}

/** The lines of `CLUSTER NODES`; `of` is the id of the primary that a node is a replica of. */
function parseNodes(text: string) {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", address = "", flags = "", of = "", , , , , ...slots] = line.split(" ");
      const isDown = flags.split(",").some((word) => ["fail", "fail?", "noaddr"].includes(word));
      return { id, of, where: address.replace(/[@,].*/, ""), isDown, isPrimary: slots.length > 0 };
    });
}

export function sentinelVerdict(answers: readonly SentinelAnswer[]): Verdict {
  const named = new Map<string, string[]>();
  const failures: TtsctlError[] = [];
  for (const { sentinel, answer } of answers) {
    if (answer instanceof TtsctlError) failures.push(answer);
    else named.set(addressText(answer), [...(named.get(addressText(answer)) ?? []), sentinel]);
  }
  const [first] = named.keys();
  const silent = failures.map(({ message }) => message);
  const hint = failures.find((failure) => failure.hint !== undefined)?.hint ?? "see that all of [redis] sentinels run";
  if (first === undefined) return fail(silent.join("; "), hint);
  if (named.size > 1) {
    const list = [...named].map(([primary, by]) => `${primary} by ${by.join(", ")}`).join("; ");
    return warn(`the Sentinels do not agree on the primary: ${list}`, "a failover is under way, or they are cut off");
  }
  if (silent.length === 0) return ok(`all ${answers.length} name ${first} as the primary`);
  return warn(`${answers.length - silent.length} of ${answers.length} name ${first}; ${silent.join("; ")}`, hint);
}

const WORST_FIRST: readonly Status[] = ["fail", "warn", "skip", "ok"];

/** The worst verdict of all nodes; if there are several, with the nodes that it is about. */
function ofEachNode(nodes: readonly NodeInfo[], verdictOf: (info: Info) => Verdict): Verdict {
  const verdicts = nodes.map(({ where, info }) => ({ where, ...verdictOf(info) }));
  const status = WORST_FIRST.find((worst) => verdicts.some((verdict) => verdict.status === worst))!;
  const worst = verdicts.filter((verdict) => verdict.status === status);
  const { hint } = worst[0]!;
  if (nodes.length === 1) return { status, detail: worst[0]!.detail, hint };
  const details = new Map<string, string[]>();
  for (const { where, detail } of worst) details.set(detail, [...(details.get(detail) ?? []), where]);
  const everywhere = details.size === 1 && worst.length === nodes.length;
  const named = [...details].map(([detail, where]) => `${where.join(", ")}: ${detail}`);
  return { status, detail: everywhere ? `${worst[0]!.detail}, on ${nodes.length} nodes` : named.join("; "), hint };
}

/** A number of INFO; 0 if the server doesn't send it. */
export function numberOf(info: Info, field: string): number {
  const value = Number(info.get(field) ?? "0");
  return Number.isFinite(value) ? value : 0;
}

/** Whether a version such as `7.2.4` is at least `major.minor`. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const [theirMajor = 0, theirMinor = 0] = version.split(".").map(Number);
  return theirMajor > major || (theirMajor === major && theirMinor >= minor);
}

/** The databases that hold keys, from the keyspace section. */
export function databasesOf(info: Info): number[] {
  return [...info.keys()].flatMap((name) => {
    const number = /^db(\d+)$/.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}
