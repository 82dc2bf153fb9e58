import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A proxy that answers under a path and takes it away, or leaves it, before it asks the server behind it. */
export async function startProxy(
  target: string,
  path: string,
  strips: boolean,
): Promise<{ url: string; server: Server }> {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const url = strips ? incoming.url!.slice(path.length) || "/" : incoming.url!;
    const asked = request(
      { hostname, port, path: url, method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
      },
    );
    asked.on("error", () => outgoing.destroy());
    incoming.pipe(asked);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, server };
}
