import { TtsctlError } from "../errors.ts";
import { LEVELS, type Level } from "./levels.ts";
import type { RedisAddress } from "./redis-address.ts";
import type { RedisSettings, Setting } from "./settings.ts";

/**
 * What is right by itself and cannot be together.
 * @throws TtsctlError CONFIG_INVALID for the first that is found
 */
export function checkRedis(redis: RedisSettings, address: RedisAddress, warnings: string[]): void {
  checkSentinels(redis, address);
  if (redis.cluster.value) checkCluster(redis);
  else if (redis.nodes.value.length > 0) {
    throw wrong(redis.nodes, "names nodes of a cluster; accepted: together with [redis] cluster = true");
  }
  if (redis.tls.value) checkTls(redis);
  else warnings.push(...withoutTls(redis));
}

/** A name that stands below what says where Redis is was replaced with its sentinels. */
function checkSentinels({ sentinels, sentinelName }: RedisSettings, { way, level }: RedisAddress): void {
  if (sentinels.value.length > 0 && sentinelName.value === null) {
    throw wrong(sentinels, "is set without a name; accepted: together with [redis] sentinel_name");
  }
  if (sentinelName.value === null || way === "sentinels") return;
  if (heightOf(sentinelName.source) <= heightOf(level)) {
    throw wrong(sentinelName, "is set without sentinels; accepted: together with [redis] sentinels");
  }
}

/** 0 for the highest. */
function heightOf(level: Setting<unknown>["source"] | undefined): number {
  const height = LEVELS.indexOf(level as Level);
  return height === -1 ? LEVELS.length : height;
}

function checkCluster({ cluster, db, sentinels, socket }: RedisSettings): void {
  if (db.value !== 0) throw wrong(db, `names db ${db.value}, and a cluster has db 0 alone (${cluster.origin})`);
  if (sentinels.value.length > 0) throw together(cluster, sentinels, "a cluster needs no Sentinel: name nodes of it");
  if (socket.value !== null) throw together(cluster, socket, "a cluster names its nodes by host and port: name one");
}

function checkTls({ tls, tlsCert, tlsKey, socket }: RedisSettings): void {
  if (socket.value !== null) throw together(tls, socket, "there is no TLS over a unix socket");
  if (tlsKey.value !== null && tlsCert.value === null) {
    throw wrong(tlsKey, "is set without a certificate; accepted: together with [redis] tls_cert");
  }
}

/** Who names a certificate believes that the connection is encrypted, unless somebody above says that it is not. */
function withoutTls({ tls, tlsCa, tlsCert, tlsKey, tlsServerName }: RedisSettings): string[] {
  const given = [tlsCa, tlsCert, tlsKey, tlsServerName].find(
    ({ value, source }) => value !== null && heightOf(source) <= heightOf(tls.source),
  );
  if (given === undefined) return [];
  return [`${given.origin} has no effect: the connection to Redis is without TLS ([redis] tls = true, or rediss://)`];
}

function wrong({ origin }: Setting<unknown>, what: string): TtsctlError {
  return new TtsctlError("CONFIG_INVALID", `${origin} ${what}`);
}

function together(one: Setting<unknown>, other: Setting<unknown>, hint: string): TtsctlError {
  const message = `${one.origin} and ${other.origin} cannot be in force together; accepted: one of them`;
  return new TtsctlError("CONFIG_INVALID", message, { hint });
}
