import { connect } from "node:net";
import { serve, type TestServer } from "../../helpers/faults.ts";

/** An answer to TIME: seconds and microseconds. */
const TIME = /\*2\r\n\$10\r\n(\d{10})\r\n(?=\$\d{1,6}\r\n\d{1,6}\r\n$)/;

/** A proxy before a Redis whose clock is ahead by so many seconds. */
export function timeProxy(port: number, ahead: () => number): Promise<TestServer> {
  return serve((client) => {
    const server = connect(port, "127.0.0.1");
    server.on("error", () => client.destroy());
    server.on("close", () => client.destroy());
    client.on("close", () => server.destroy());
    client.on("data", (chunk) => server.write(chunk));
    server.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      const moved = text.replace(TIME, (_, seconds) => `*2\r\n$10\r\n${Number(seconds) + Math.round(ahead())}\r\n`);
      client.write(Buffer.from(moved, "latin1"));
    });
  });
}
