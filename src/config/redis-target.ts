import type { RedisSettings, Settings } from "./settings.ts";

/** Where Redis is, by the settings, how to log in, and how long to wait for it in seconds. */
export function targetOf({ redis }: Pick<Settings, "redis">) {
  return {
    place: placeOf(redis),
    db: redis.db.value,
    username: redis.username.value,
    password: redis.password.value,
    tls: redis.tls.value ? tlsOf(redis) : null,
    timeout: redis.timeout.value,
    prefix: redis.prefix.value,
  };
}

function placeOf(redis: RedisSettings) {
  const node = { host: redis.host.value, port: redis.port.value };
  if (redis.sentinels.value.length > 0) {
    return {
      kind: "sentinels" as const,
      sentinels: redis.sentinels.value,
      name: redis.sentinelName.value ?? "",
      username: redis.sentinelUsername.value,
      password: redis.sentinelPassword.value,
    };
  }
  if (redis.cluster.value) {
    return { kind: "cluster" as const, nodes: redis.nodes.value.length > 0 ? redis.nodes.value : [node] };
  }
  if (redis.socket.value !== null) return { kind: "socket" as const, path: redis.socket.value };
  return { kind: "node" as const, ...node };
}

function tlsOf({ tlsCa, tlsCert, tlsKey, tlsServerName }: RedisSettings) {
  return {
    ca: tlsCa.value,
    cert: tlsCert.value,
    key: tlsKey.value ?? tlsCert.value, // one file may hold both
    serverName: tlsServerName.value,
  };
}
