import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { until } from "../helpers/until.ts";

/** A connection on which a test says what it likes, HTTP or not. */
export class Wire {
  readonly socket: Socket;
  /** All that came back. */
  text = "";
  ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      this.text += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.ended = true;
    });
  }

  /** @param allowHalfOpen whether it goes on after the other side has said its last */
  static async open(port: number, allowHalfOpen = false): Promise<Wire> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen });
    const wire = new Wire(socket);
    await Promise.race([once(socket, "connect"), once(socket, "close")]).catch(() => {});
    return wire;
  }

  /** Says something and waits until the other side has closed. */
  async say(text: string | Buffer): Promise<string> {
    this.socket.write(text);
    await this.end();
    return this.text;
  }

  async end(): Promise<void> {
    if (!this.ended) await once(this.socket, "close").catch(() => {});
  }

  /** The status of the first response; null without one. */
  get status(): number | null {
    const match = /^HTTP\/1\.1 (\d{3})/.exec(this.text);
    return match === null ? null : Number(match[1]);
  }
}

/** A request as a client sends it byte for byte, to be answered and closed. */
export function request(line: string, headers: Readonly<Record<string, string>> = {}, body = ""): string {
  const all = { Host: "localhost", Connection: "close", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

/** A POST of JSON, byte for byte. */
export function posted(path: string, body: string, headers: Readonly<Record<string, string>> = {}): string {
  const about = { "Content-Type": "application/json", "Content-Length": `${Buffer.byteLength(body)}` };
  return request(`POST ${path}`, { ...about, ...headers }, body);
}

/** Server-sent events under way. */
export class EventStream {
  readonly wire: Wire;

  private constructor(wire: Wire) {
    this.wire = wire;
  }

  /** Returns it with the headers of the answer. */
  static async open(port: number, path: string): Promise<EventStream> {
    const wire = await Wire.open(port);
    wire.socket.write(request(`GET ${path}`));
    await until(() => wire.status !== null || wire.ended);
    return new EventStream(wire);
  }

  /** Those so far. */
  events(): [event: string, data: Record<string, unknown>][] {
    return [...this.wire.text.matchAll(/^event: (\w+)\ndata: (.*)\n/gm)].map(([, event, data]) => {
      return [event!, JSON.parse(Buffer.from(data!, "latin1").toString("utf8"))];
    });
  }
}
