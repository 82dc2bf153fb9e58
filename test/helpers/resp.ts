import { connect, type Socket } from "node:net";

export type RespReply = string | number | null | RespError | RespReply[];

/** An error reply in its place. */
export class RespError extends Error {}

/** A small Redis client for tests, with nothing in common with the one under test. */
export class Resp {
  readonly #socket: Socket;
  readonly #waiting: { resolve(reply: RespReply): void; reject(error: Error): void }[] = [];
  #buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("the test's connection to Redis was closed"));
    });
  }

  static async connect(port: number): Promise<Resp> {
    const socket = connect(port, "127.0.0.1");
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new Resp(socket);
  }

  /** One command; an error reply is thrown. */
  async call(...command: (string | number)[]): Promise<RespReply> {
    const [reply] = await this.pipeline([command]);
    if (reply instanceof RespError) throw reply;
    return reply!;
  }

  async pipeline(commands: readonly (readonly (string | number)[])[]): Promise<RespReply[]> {
    if (this.isClosed) throw new Error("the test's connection to Redis is closed");
    const replies = commands.map(
      () => new Promise<RespReply>((resolve, reject) => this.#waiting.push({ resolve, reject })),
    );
    this.#socket.write(commands.map(encode).join(""));
    return Promise.all(replies);
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    let at = 0;
    for (;;) {
      const parsed = parse(this.#buffer, at);
      if (parsed === null) break;
      at = parsed.end;
      this.#waiting.shift()?.resolve(parsed.reply);
    }
    this.#buffer = this.#buffer.subarray(at);
  }
}

function encode(command: readonly (string | number)[]): string {
  const parts = command.map((part) => `$${Buffer.byteLength(String(part))}\r\n${part}\r\n`);
  return `*${command.length}\r\n${parts.join("")}`;
}

/** The reply that begins at `at`, or null where it is not whole yet. */
function parse(buffer: Buffer, at: number): { reply: RespReply; end: number } | null {
  const lineEnd = buffer.indexOf("\r\n", at);
  if (lineEnd < 0) return null;
  const line = buffer.toString("utf8", at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(buffer[at]!)) {
    case "+":
      return { reply: line, end };
    case "-":
      return { reply: new RespError(line), end };
    case ":":
      return { reply: Number(line), end };
    case "$":
      return parseBulk(buffer, Number(line), end);
    default:
      return parseArray(buffer, Number(line), end);
  }
}

function parseBulk(buffer: Buffer, length: number, from: number) {
  if (length < 0) return { reply: null, end: from };
  if (buffer.length < from + length + 2) return null;
  return { reply: buffer.toString("utf8", from, from + length), end: from + length + 2 };
}

function parseArray(buffer: Buffer, length: number, from: number) {
  if (length < 0) return { reply: null, end: from };
  const items: RespReply[] = [];
  let end = from;
  for (let i = 0; i < length; i++) {
    const item = parse(buffer, end);
    if (item === null) return null;
    items.push(item.reply);
    end = item.end;
  }
  return { reply: items, end };
}
