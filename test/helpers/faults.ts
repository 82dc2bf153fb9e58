import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP server of a test's own on a free port. */
class TestServer {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as { port: number }).port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Sends this to every client, which asked for nothing. */
  say(text: string): void {
    for (const socket of this.#sockets) socket.write(text);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

export type { TestServer };

/** @param onSocket gets each connection that a client opens */
export async function serve(onSocket: (socket: Socket) => void): Promise<TestServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    onSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return new TestServer(server, sockets);
}

/** Accepts connections and never says a word. */
export function silentServer(): Promise<TestServer> {
  return serve((socket) => socket.resume());
}

/** Answers every command with the same line, such as `-LOADING ...`, or a PING as Redis does. */
export function parrotServer(line: string, ping = line): Promise<TestServer> {
  return serve((socket) => {
    socket.on("data", (chunk) => {
      const names = [...chunk.toString("latin1").matchAll(/^\*\d+\r\n\$\d+\r\n(.*)\r$/gm)].map(([, name]) => name);
      socket.write(names.map((name) => `${name === "PING" ? ping : line}\r\n`).join(""));
    });
  });
}

/** What a proxy does with what the client sent: hand it on, hand it on and lose the replies from then on, or cut the line. */
export type Verdict = "pass" | "deaf" | "cut";

/**
 * A proxy before a Redis.
 * @param judge looks at each piece that the client sends (a command, or several of a pipeline)
 * @param more what the client gets besides with the replies to a piece
 */
export function redisProxy(
  port: number,
  judge: (sent: string) => Verdict | Promise<Verdict>,
  change: (answer: string) => string = (answer) => answer,
): Promise<TestServer> {
  return serve((client) => {
    const server = connect(port, "127.0.0.1");
    let deaf = false;
    let queue = Promise.resolve();
    server.on("error", () => client.destroy());
    server.on("close", () => client.destroy());
    client.on("close", () => server.destroy());
    server.on("data", (chunk) => {
      if (!deaf) client.write(change(chunk.toString("latin1")), "latin1");
    });
    client.on("data", (chunk) => {
      queue = queue.then(async () => {
        const verdict = await judge(chunk.toString("latin1"));
        if (verdict === "cut") return void client.destroy();
        if (verdict === "deaf") deaf = true;
        server.write(chunk);
      });
    });
  });
}
