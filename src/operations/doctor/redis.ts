import { TtsctlError } from "../../errors.ts";
import { INDEX_KEY } from "../../store/redis/keys.ts";
import { type Check, fail, ok, type Verdict, warn } from "./check.ts";
import { clusterVerdict } from "./cluster.ts";
import { ofEachNode } from "./each-node.ts";
import { databasesOf, type Info, isAtLeast, numberOf } from "./info.ts";
import type { Probe } from "./probe.ts";
import { rights } from "./rights.ts";
import { sentinel } from "./sentinel.ts";

const PINGS = 5;
/** Milliseconds; a server on the same network answers in well under one. */
const SLOW_MS = 50;

const reach: Check = {
  name: "redis",
  run: async (probe) => {
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
};

const version: Check = {
  name: "redis.version",
  run: async (probe) => ofEachNode(await probe.infos("server"), versionVerdict),
};

export function versionVerdict(info: Info): Verdict {
  const valkey = info.get("valkey_version");
  if (valkey !== undefined) return ok(`Valkey ${valkey}`);
  const redis = info.get("redis_version") ?? "of an unknown version";
  if (isAtLeast(redis, 6, 2)) return ok(`Redis ${redis}`);
  return fail(`Redis ${redis} is too old`, "install Redis 6.2 or newer, or Valkey");
}

const role: Check = {
  name: "redis.role",
  run: async (probe) => {
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
};

const memory: Check = {
  name: "redis.memory",
  run: async (probe) => ofEachNode(await probe.infos("memory"), memoryVerdict),
};

/** From this share of maxmemory on, it is told. */
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

const persistence: Check = {
  name: "redis.persistence",
  run: async (probe) => ofEachNode(await probe.infos("persistence"), persistenceVerdict),
};

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

const database: Check = {
  name: "redis.database",
  run: async (probe) => {
    const { db } = probe.parts;
    const tasks = await tasksIn(await probe.client());
    if (tasks > 0) return ok(`db ${db} has ${tasks} tasks`);
    const elsewhere = await otherDatabases(probe);
    if (elsewhere.length === 0) return ok(`db ${db} has no tasks yet`);
    const list = elsewhere.map(({ other, count }) => `db ${other} has ${count}`).join(", ");
    return warn(`db ${db} has no tasks, but ${list}`, "if the service uses that one: [redis] db, REDIS_DB, or the url");
  },
};

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

export const REDIS_CHECKS = [sentinel, reach, version, role, memory, persistence, rights, database];
