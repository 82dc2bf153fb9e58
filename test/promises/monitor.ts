import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A command as Redis ran it, also one of a script. `at`: epoch seconds. */
export interface Seen {
  readonly at: number;
  readonly command: string;
}

/** What a Redis is asked while a test runs. */
export class Monitor {
  readonly #socket: Socket;
  #text = "";

  private constructor(socket: Socket) {
    this.#socket = socket.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text;
    });
  }

  static async start(port: number): Promise<Monitor> {
    const socket = connect(port, "127.0.0.1");
    socket.write("MONITOR\r\n");
    const monitor = new Monitor(socket);
    await once(socket, "data");
    return monitor;
  }

  async stop(): Promise<Seen[]> {
    await sleep(20); // the last lines are on their way
    this.#socket.destroy();
    return [...this.#text.matchAll(/^\+([\d.]+) \[\d+ \S+\] (.*)\r$/gm)].map(([, at, command]) => ({
      at: Number(at),
      command: command!,
    }));
  }
}
