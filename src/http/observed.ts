import type { IncomingMessage, ServerResponse } from "node:http";

/** One request that ended, for the access log and the metrics. */
export interface Observed {
  readonly method: string;
  /** As it was asked, parameters included. */
  readonly url: string;
  /** The pattern of the route, such as `/voice-tasks/:task_id`; `other` for what has none. */
  readonly route: string;
  readonly status: number;
  /** What went out, headers included. */
  readonly bytes: number;
  readonly seconds: number;
  readonly remote: string;
  /** Whether the client took the whole answer. */
  readonly finished: boolean;
}

const routes = new WeakMap<ServerResponse, string>();

/** Notes which route answers. */
export function noteRoute(outgoing: ServerResponse, route: string): void {
  routes.set(outgoing, route);
}

/** Tells of the request when it has ended, however it did. */
export function observe(incoming: IncomingMessage, outgoing: ServerResponse, tell: (request: Observed) => void): void {
  const began = performance.now();
  const { method = "", url = "", socket } = incoming;
  const [before, remote] = [socket.bytesWritten, socket.remoteAddress ?? ""];
  outgoing.once("close", () => {
    tell({
      ...{ method, url, remote, status: outgoing.statusCode, finished: outgoing.writableFinished },
      route: routes.get(outgoing) ?? "other",
      bytes: socket.bytesWritten - before,
      seconds: (performance.now() - began) / 1000,
    });
  });
}
