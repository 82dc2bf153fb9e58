import type { KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describeSystemError, systemErrorCode, TtsctlError } from "../errors.ts";
import { LEVELS, type Level } from "./levels.ts";
import type { RedisAddress } from "./redis.ts";
import type { RedisSettings, Setting } from "./settings.ts";

/**
 * Checks settings that are right by themselves and can't be together. Returns warnings.
 * @throws TtsctlError CONFIG_INVALID for the first that is found
 */
export function checkRedis(redis: RedisSettings, address: RedisAddress): string[] {
  checkSentinels(redis, address);
  if (redis.cluster.value) checkCluster(redis);
  else if (redis.nodes.value.length > 0) {
    throw wrong(redis.nodes, "names nodes of a cluster; accepted: together with [redis] cluster = true");
  }
  if (!redis.tls.value) return withoutTls(redis);
  checkTls(redis);
  return [];
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

/** Warns of a certificate without TLS, unless a higher level switches TLS off. */
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

/**
 * Sees that the files of a TLS connection, where one is in force, can be read and are what they should be.
 * @throws TtsctlError CONFIG_INVALID that names the setting and the file
 */
export async function checkTlsFiles({ enabled, tls, tlsCa, tlsCert, tlsKey }: RedisSettings): Promise<void> {
  if (!enabled.value || !tls.value) return;
  if (tlsCa.value === null && tlsCert.value === null) return;
  const { X509Certificate, createPrivateKey } = await import("node:crypto");
  const certificate = (pem: Buffer) => new X509Certificate(pem);
  await parsed(tlsCa, "a certificate in PEM", certificate);
  const shown = await parsed(tlsCert, "a certificate in PEM", certificate);
  if (shown === null) return;
  const keySetting = tlsKey.value === null ? tlsCert : tlsKey;
  const key = await parsed(keySetting, "a private key in PEM without a passphrase", createPrivateKey);
  if (key !== null) checkPair(shown, key, tlsCert, keySetting);
}

async function parsed<T>(setting: Setting<string | null>, what: string, parse: (pem: Buffer) => T): Promise<T | null> {
  if (setting.value === null) return null;
  const pem = await content(setting, setting.value);
  try {
    return parse(pem);
  } catch (cause) {
    throw invalid(setting, `${setting.value} holds no such thing; accepted: the path of ${what}`, cause);
  }
}

async function content(setting: Setting<string | null>, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (systemErrorCode(cause) === undefined) throw cause;
    throw invalid(setting, `${path} cannot be read: ${describeSystemError(cause)}`, cause);
  }
}

function checkPair(cert: X509Certificate, key: KeyObject, certSetting: Setting<unknown>, keySetting: Setting<unknown>) {
  if (cert.checkPrivateKey(key)) return;
  throw invalid(keySetting, `is not the key of the certificate that ${certSetting.origin} names`);
}

function invalid({ origin }: Setting<unknown>, what: string, cause?: unknown): TtsctlError {
  return new TtsctlError("CONFIG_INVALID", `${origin}: ${what}`, { cause });
}
