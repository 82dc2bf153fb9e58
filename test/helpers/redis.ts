import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Resp, type RespReply } from "./resp.ts";
import { until } from "./until.ts";

/** Tests compare keys by their digests, and make the server sleep. */
const DEBUG = ["--enable-debug-command", "yes"];

const running = new Set<ChildProcess>();
const folders = new Set<string>();

/** A run of Vitest ends its workers with SIGTERM. */
function removeAll(signal: unknown): void {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  if (signal === "SIGTERM") process.kill(process.pid, "SIGKILL");
}
process.once("exit", removeAll).once("SIGTERM", removeAll);

/** A server that a test started, which ends with it. */
export class ServerProcess {
  readonly child: ChildProcess;

  constructor(binary: string, args: readonly string[]) {
    this.child = spawn(binary, args, { stdio: "ignore" });
    this.child.unref(); // nothing waits for its end: see `TestClock`
    running.add(this.child);
    this.child.once("exit", () => running.delete(this.child));
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async kill(): Promise<void> {
    this.child.ref(); // its end is waited for
    if (this.hasEnded) return;
    const exited = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await exited;
  }
}

/** The pairs of a flat reply: fields and values, members and scores. */
function pairsOf(reply: RespReply): [string, string][] {
  const flat = reply as string[];
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]!] as [string, string]] : []));
}

/** One server or several that tests ask. */
export abstract class Redis {
  abstract call(...command: (string | number)[]): Promise<RespReply>;

  async hash(key: string): Promise<Record<string, string>> {
    return Object.fromEntries(pairsOf(await this.call("HGETALL", key)));
  }

  /** Members of a sorted set with their scores as Redis writes them, lowest first. */
  async zset(key: string): Promise<[string, string][]> {
    return pairsOf(await this.call("ZRANGE", key, 0, -1, "WITHSCORES"));
  }
}

/** A real redis-server for one test, on a free port, without persistence, in its own directory. */
export class RedisServer extends Redis {
  readonly port: number;
  readonly folder: string;
  readonly #binary: string;
  readonly #args: readonly string[];
  readonly #beside: { remove(): Promise<void> }[] = [];
  #process: ServerProcess | undefined;
  #resp: Resp | undefined;

  private constructor(port: number, folder: string, binary: string, args: readonly string[]) {
    super();
    this.port = port;
    this.folder = folder;
    this.#binary = binary;
    this.#args = args;
  }

  /** @param args more of the server's arguments */
  static start(...args: string[]): Promise<RedisServer> {
    return RedisServer.startAs("redis-server", ...args);
  }

  /** @param binary a program that takes the arguments of redis-server */
  static async startAs(binary: string, ...args: string[]): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), "ttsctl-redis-"));
    folders.add(folder);
    for (let tries = 1; ; tries++) {
      const server = new RedisServer(await freePort(), folder, binary, args);
      try {
        await server.start();
        return server;
      } catch (error) {
        if (tries === 5) throw error; // another process may take the port, but not five times
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  get socket(): string {
    return join(this.folder, "redis.sock");
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Starts it again, empty, after `stop`. */
  async start(): Promise<void> {
    const ours = ["--port", `${this.port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    const place = ["--dir", this.folder, "--unixsocket", this.socket, "--daemonize", "no", "--logfile", "redis.log"];
    const server = new ServerProcess(this.#binary, [...ours, ...place, ...DEBUG, ...this.#args]);
    this.#process = server;
    await until(async () => {
      if (server.hasEnded) throw new Error(`${this.#binary} ended: ${this.folder}/redis.log`);
      const resp = await Resp.connect(this.port).catch(() => null);
      if (resp === null) return false;
      this.#resp = resp;
      return (await resp.pipeline([["PING"]])).length === 1;
    });
  }

  /** One command, over a connection of the test's. */
  async call(...command: (string | number)[]): Promise<RespReply> {
    return (await this.#connection()).call(...command);
  }

  async pipeline(commands: readonly (readonly (string | number)[])[]): Promise<RespReply[]> {
    return (await this.#connection()).pipeline(commands);
  }

  /** Sentinel closes the connections of all clients of a server that it gives another role. */
  async #connection(): Promise<Resp> {
    if (this.#resp?.isClosed) this.#resp = await Resp.connect(this.port);
    return this.#resp!;
  }

  /** CPU time so far. */
  async cpuSeconds(): Promise<number> {
    const info = (await this.call("INFO", "CPU")) as string;
    const times = info.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm);
    return [...times].reduce((sum, [, seconds]) => sum + Number(seconds), 0);
  }

  /** Everything in it, to see that nothing changed. */
  async dump(): Promise<Record<string, string>> {
    const keys = ((await this.call("KEYS", "*")) as string[]).sort();
    const dumps = await this.pipeline(keys.map((key) => ["DEBUG", "DIGEST-VALUE", key]));
    return Object.fromEntries(keys.map((key, i) => [key, String((dumps[i] as string[])[0])]));
  }

  /** From now on it accepts connections and is silent. */
  suspend(): void {
    this.#process!.child.kill("SIGSTOP");
  }

  resume(): void {
    this.#process!.child.kill("SIGCONT");
  }

  /** Ends the server; its port then refuses connections. */
  async stop(): Promise<void> {
    this.#resp?.close();
    await this.#process?.kill();
    this.#process = undefined;
  }

  /** Also removes `one` with this server. */
  alsoRemove(one: { remove(): Promise<void> }): void {
    this.#beside.push(one);
  }

  /** Ends it for good. */
  async remove(): Promise<void> {
    for (const one of this.#beside.splice(0)) await one.remove();
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
    folders.delete(this.folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove();
  }
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
