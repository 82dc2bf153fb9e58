import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SentinelTarget } from "../../src/store/redis/sentinel.ts";
import { freePort, RedisServer, ServerProcess } from "./redis.ts";
import { Resp } from "./resp.ts";
import { targetAt } from "./targets.ts";
import { until } from "./until.ts";

/** Milliseconds after which a silent server is down for them. */
const DOWN_AFTER = 1000;

/** One redis-sentinel of a test's own. */
export class Sentinel {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "ttsctl-sentinel-"));
  readonly #process: ServerProcess;
  resp!: Resp;

  constructor(port: number, lines: readonly string[]) {
    this.port = port;
    const config = join(this.#folder, "sentinel.conf");
    const own = [`port ${port}`, "bind 127.0.0.1", `dir ${this.#folder}`, `logfile ${this.#folder}/sentinel.log`];
    writeFileSync(config, [...own, ...lines, ""].join("\n"));
    this.#process = new ServerProcess("redis-server", [config, "--sentinel"]);
  }

  async ready(password: string | undefined): Promise<void> {
    await until(async () => {
      const resp = await Resp.connect(this.port).catch(() => null);
      if (resp !== null) this.resp = resp;
      return resp !== null;
    });
    if (password !== undefined) await this.resp.call("AUTH", password);
    await this.publishEvery(100); // by default they make each other's acquaintance in some seconds
  }

  /**
   * How often it announces itself, in milliseconds. Less than the default breaks failovers: a primary that is unknown to
   * some Sentinel after four such periods is made a replica again.
   */
  async publishEvery(period: number): Promise<void> {
    await this.resp.call("SENTINEL", "DEBUG", "PUBLISH-PERIOD", period, "INFO-PERIOD", 500);
  }

  async stop(): Promise<void> {
    this.resp?.close();
    await this.#process.kill();
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What a server says it is; none where it is silent, or where Sentinel closed the connections to it that very moment. */
async function roleOf(server: RedisServer): Promise<string | undefined> {
  const [role] = ((await server.call("ROLE").catch(() => null)) ?? []) as string[];
  return role;
}

/** A primary, a replica, and three Sentinels that watch over them. */
export class SentinelSite {
  readonly name = "tts";
  readonly servers: RedisServer[] = [];
  readonly sentinels: Sentinel[] = [];
  readonly #password: string | undefined;

  private constructor(password: string | undefined) {
    this.#password = password;
  }

  /** @param password of the sentinels */
  static async start(password?: string): Promise<SentinelSite> {
    const site = new SentinelSite(password);
    const primary = await RedisServer.start();
    const follows = ["--replicaof", "127.0.0.1", `${primary.port}`, "--repl-diskless-sync-delay", "0"];
    const replica = await RedisServer.start(...follows);
    site.servers.push(primary, replica);
    for (let i = 0; i < 3; i++) site.sentinels.push(new Sentinel(await freePort(), site.#lines(primary.port)));
    await Promise.all(site.sentinels.map((sentinel) => sentinel.ready(password)));
    await site.isWhole();
    for (const sentinel of site.sentinels) await sentinel.publishEvery(2000);
    return site;
  }

  #lines(port: number): string[] {
    const watched = [`sentinel monitor ${this.name} 127.0.0.1 ${port} 2`];
    const times = [`down-after-milliseconds ${this.name} ${DOWN_AFTER}`, `failover-timeout ${this.name} 5000`];
    const login =
      this.#password === undefined ? [] : [`requirepass ${this.#password}`, `sentinel sentinel-pass ${this.#password}`];
    return [...watched, ...times.map((line) => `sentinel ${line}`), ...login];
  }

  /** `host:port` of each Sentinel, as the setting takes them. */
  get list(): string {
    return this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(", ");
  }

  /** Lines of the section [redis]. */
  get settings(): string {
    return `sentinels = ${this.list}\nsentinel_name = ${this.name}\n`;
  }

  target(more: Partial<SentinelTarget["place"]> = {}): SentinelTarget {
    const sentinels = this.sentinels.map(({ port }) => ({ host: "127.0.0.1", port }));
    const place = { kind: "sentinels" as const, sentinels, name: this.name, username: null, password: null, ...more };
    return { ...targetAt(0), place };
  }

  /** The server that is the primary by its own word. */
  async primary(): Promise<RedisServer> {
    for (const server of this.servers) if ((await roleOf(server)) === "master") return server;
    throw new Error("no server is a primary");
  }

  /** Waits until the Sentinels know each other, and a replica that is in sync. */
  async isWhole(): Promise<void> {
    await until(async () => {
      for (const { resp } of this.sentinels) {
        const quorum = await resp.call("SENTINEL", "CKQUORUM", this.name).catch(() => "");
        if (!String(quorum).startsWith("OK 3 usable")) return false;
        const replicas = (await resp.call("SENTINEL", "REPLICAS", this.name)) as string[][];
        const inStep = replicas.filter((fields) => fields[fields.indexOf("master-link-status") + 1] === "ok");
        if (inStep.length !== 1) return false;
      }
      return true;
    });
  }

  /** All Sentinels name a server other than the one at this port. */
  async hasLeft(port: number): Promise<void> {
    await until(async () => {
      for (const { resp } of this.sentinels) {
        const [, named] = (await resp.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", this.name)) as string[];
        if (named === `${port}`) return false;
      }
      return true;
    }, 60);
  }

  /** Makes the replica the primary, and waits until the old primary is a replica. */
  async failover(): Promise<void> {
    const old = await this.primary();
    await this.sentinels[0]!.resp.call("SENTINEL", "FAILOVER", this.name);
    await this.hasLeft(old.port);
    await until(async () => (await roleOf(old)) === "slave", 60);
  }

  /** The primary is gone from one moment to the next; the Sentinels find out by themselves. */
  async killPrimary(): Promise<RedisServer> {
    const primary = await this.primary();
    await primary.stop();
    return primary;
  }

  async remove(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((one) => one.remove()));
  }
}
