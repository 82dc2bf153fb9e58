import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, RequestError } from "@hono/node-server";
import { type Clock, within } from "../clock.ts";
import { systemErrorCode, TtsctlError } from "../errors.ts";
import { addressText } from "../printable.ts";
import { HttpError, problemOf, problemResponse } from "./answer.ts";
import { createApp } from "./app.ts";
import { observer } from "./metrics.ts";
import { LIMITS, type ServerParts } from "./parts.ts";

const OPTIONS = {
  headersTimeout: LIMITS.headersS * 1000,
  requestTimeout: LIMITS.requestS * 1000,
  keepAliveTimeout: 30_000,
  /** How often the first two are checked. */
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: LIMITS.headersBytes,
  /** A request without a Host is refused as all others are. */
  requireHostHeader: false,
};

/** Only the page's own scripts, no frames, no guessing of types, nothing for other sites. */
const SAFETY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cache-control": "no-store",
};

export function createHttpServer(parts: ServerParts): Server {
  const basePath = parts.settings.http.basePath.value;
  const answer = getRequestListener(createApp(parts).fetch, {
    errorHandler: (error) => {
      const isOurs = !(error instanceof RequestError);
      if (isOurs) parts.failed(error);
      return problemResponse(isOurs ? error : new HttpError("BAD_REQUEST", "the request is malformed"));
    },
  });
  /** The answers that each connection waits for, in order. */
  const waiting = new WeakMap<Duplex, Set<ServerResponse>>();
  const last = new WeakMap<Duplex, IncomingMessage>();
  const listener = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { socket } = incoming;
    const answers = waiting.get(socket) ?? new Set();
    waiting.set(socket, answers);
    if (answers.size === LIMITS.pipelined) socket.destroy();
    if (socket.destroyed) return;
    last.set(socket, incoming);
    const observe = observer(incoming, outgoing, parts.clock);
    outgoing.once("close", () => {
      answers.delete(outgoing);
      const request = observe();
      parts.metrics.count(request);
      parts.ended(request);
    });
    const before = [...answers].at(-1);
    answers.add(outgoing);
    // A client that sends a request before it has the answer to the last one waits for that answer, unless the connection breaks.
    if (before !== undefined) await once(before, "close").catch(() => {});
    if (socket.destroyed) return; // without a socket, the answer would never close
    for (const name in SAFETY_HEADERS) outgoing.setHeader(name, SAFETY_HEADERS[name]!);
    const { url = "/" } = incoming;
    // Relative addresses of the page need the slash at the end.
    if (url === basePath) return outgoing.writeHead(308, { location: `${url}/` }).end();
    // A proxy may keep its prefix in the path or remove it.
    incoming.url = url.startsWith(`${basePath}/`) ? url.slice(basePath.length) : url;
    return answer(incoming, outgoing);
  };
  const server = createServer(OPTIONS, listener);
  server.on("checkExpectation", listener);
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // Else it would be read as the answer to an earlier request, or as a second one.
    const [pending, ...more] = waiting.get(socket) ?? [];
    const isOfPending = more.length === 0 && pending?.req.complete === false && !pending.headersSent;
    const isOwn = pending === undefined ? (last.get(socket)?.complete ?? true) : isOfPending;
    if (socket.writable && error.code !== "ECONNRESET" && isOwn) socket.write(unparsedProblem(error.code));
    socket.destroy();
  });
  server.maxConnections = LIMITS.connections;
  server.maxHeadersCount = LIMITS.headers + 1;
  server.timeout = LIMITS.silentS * 1000;
  return server;
}

/** The answer to what Node couldn't read as a request, as bytes for its connection. */
function unparsedProblem(code: string | undefined): string {
  const [word, why] = UNPARSED[code ?? ""] ?? (["BAD_REQUEST", "this isn't an HTTP request"] as const);
  const problem = problemOf(new HttpError(word, why));
  const body = `${JSON.stringify(problem)}\n`;
  const length = `content-length: ${Buffer.byteLength(body)}`;
  const headers = ["connection: close", "content-type: application/problem+json", length];
  return [`HTTP/1.1 ${problem.status} ${problem.title}`, ...headers, "", body].join("\r\n");
}

const UNPARSED: Readonly<Record<string, readonly ["REQUEST_TIMEOUT" | "HEADERS_TOO_LARGE", string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ["REQUEST_TIMEOUT", "the request took too long to arrive"],
  HPE_HEADER_OVERFLOW: ["HEADERS_TOO_LARGE", `the headers are larger than ${LIMITS.headersBytes >> 10} KiB`],
};

/** Returns the URL. @throws TtsctlError LISTEN_FAILED */
export async function listen(server: Server, host: string, port: number): Promise<string> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const code = systemErrorCode(cause);
    const failed = (message: string, hint: string) => new TtsctlError("LISTEN_FAILED", message, { hint, cause });
    if (code !== "EADDRINUSE")
      throw failed(`cannot listen on ${host} port ${port} (${code})`, "check [http] host and port");
    const hint = "stop it, or choose another port with --port (0: any free one)";
    throw failed(`${host} port ${port} is in use by another process`, hint);
  }
  return `http://${addressText({ host, port: (server.address() as AddressInfo).port })}`;
}

/** Stops accepting requests, and waits at most so long for those under way. */
export async function drain(server: Server, patienceMs: number, clock: Clock): Promise<void> {
  const closed = once(server, "close");
  server.close();
  await within<unknown>(clock, patienceMs, closed, () => {
    server.closeAllConnections();
    return closed;
  });
}
