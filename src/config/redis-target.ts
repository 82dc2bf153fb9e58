import type { Settings } from "./settings.ts";

/** Where Redis is, by the settings, and how long to wait for it in seconds. */
export function targetOf({ redis }: Pick<Settings, "redis">) {
  return {
    host: redis.host.value,
    port: redis.port.value,
    db: redis.db.value,
    username: redis.username.value,
    password: redis.password.value,
    tls: redis.tls.value,
    socket: redis.socket.value,
    timeout: redis.timeout.value,
  };
}
