import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";

interface ProxyOptions {
  /** Under which it answers. */
  readonly path?: string;
  /** Whether it takes the path away before it asks the server behind it. */
  readonly strips?: boolean;
  /** Whether it holds a stream back until its end. */
  readonly holds?: boolean;
}

/** Starts proxies before a server, each for one test; returns their addresses. */
export function useProxies(): (target: string, options: ProxyOptions) => Promise<string> {
  const proxies: Server[] = [];
  afterEach(() => {
    for (const proxy of proxies.splice(0)) proxy.close().closeAllConnections();
  });
  return async (target, { path = "", strips = false, holds = false }) => {
    const { hostname, port } = new URL(target);
    const proxy = createServer((incoming, outgoing) => {
      const { method, headers } = incoming;
      const url = strips ? incoming.url!.slice(path.length) || "/" : incoming.url!;
      const asked = request({ hostname, port, path: url, method, headers }, (answer) => {
        if (holds && answer.headers["content-type"] === "text/event-stream") {
          outgoing.once("close", () => asked.destroy());
          answer.resume();
          return;
        }
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
      });
      asked.on("error", () => outgoing.destroy());
      incoming.pipe(asked);
    });
    proxies.push(proxy);
    await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
    return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${path}`;
  };
}
