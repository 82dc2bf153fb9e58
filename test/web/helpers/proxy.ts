import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * A proxy that answers under a path and takes it away, or leaves it, before it asks the server behind it.
 * @param onStream what it does with a stream: passes it on, holds it back until its end, or cuts it off after its beginning
 */
export async function startProxy(
  target: string,
  path: string,
  strips: boolean,
  onStream: "pass" | "hold" | "cut" = "pass",
): Promise<{ url: string; server: Server }> {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const url = strips ? incoming.url!.slice(path.length) || "/" : incoming.url!;
    const asked = request(
      { hostname, port, path: url, method: incoming.method, headers: incoming.headers },
      (answer) => {
        const isStream = answer.headers["content-type"] === "text/event-stream";
        if (isStream && onStream === "hold") {
          outgoing.once("close", () => asked.destroy());
          answer.resume();
          return;
        }
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
        if (isStream && onStream === "cut") setTimeout(() => outgoing.destroy(), 300);
      },
    );
    asked.on("error", () => outgoing.destroy());
    incoming.pipe(asked);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, server };
}
