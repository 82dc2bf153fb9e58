import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { promisify } from "node:util";
import { gzip, gzipSync } from "node:zlib";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { accepts } from "hono/accepts";
import { matchedRoutes } from "hono/route";
import { getMimeType } from "hono/utils/mime";
import { type Clock, within } from "../clock.ts";
import { HttpError, json, jsonText, namesTag, problemOf, problemResponse, tagOf } from "./answer.ts";
import { dialectOf, PLAIN } from "./dialects.ts";
import { type AddEndpoint, ENDPOINTS, endpointsOf } from "./endpoints.ts";
import { addStream, eventStreams, newDoorbell } from "./event-stream.ts";
import { addSessions, checkRequest, cookieOf, hostsOf } from "./guard.ts";
import { routes } from "./metrics.ts";
import { openapi } from "./openapi.ts";
import type { Env, ServerParts } from "./parts.ts";
import { addChanges, changeTurns } from "./routes/changes.ts";
import { addLogs } from "./routes/logs.ts";
import { addOutput } from "./routes/output.ts";
import { addStats, healthOf, keptCounts, markOf } from "./routes/stats.ts";
import { addVoiceTasks } from "./routes/voice-tasks.ts";

/** All routes. Those above the token check need no token, because they show nothing of a task. */
export function createApp(parts: ServerParts): Hono<Env> {
  const app = new Hono<Env>({ strict: true });
  const { http } = parts.settings;
  const hosts = hostsOf(http.host.value, http.allowedHosts.value);
  app.use(async (c, next) => {
    routes.set(c.env.outgoing, routeOf(c));
    checkRequest(c.env.incoming, hosts);
    await next();
  });
  const add = endpointsOf(app, parts);
  add("GET /healthz", async () => {
    const health = await healthOf(parts);
    return json(health, [], {}, health.status === "down" ? 503 : 200); // an outage of Redis must not restart the server
  });
  add("GET /openapi.json", (c) => json(openapi(http.basePath.value, cookieOf(c), http.dialect.value)));
  addPage(app, add, parts);
  const checkToken = addSessions(add, parts);
  app.use(async (c, next) => {
    checkToken(c);
    await next();
  });
  app.use("/voice-tasks/*", compressed());
  app.use("/stats/*", compressed());
  const answerEvents = eventStreams(parts);
  const { counts, forget } = keptCounts(parts);
  const forChange = changeTurns(parts, forget);
  const doorbell = newDoorbell(parts.clock, () => markOf(parts));
  addVoiceTasks(add, parts, forChange, doorbell);
  addChanges(add, parts, forChange);
  addLogs(add, parts, answerEvents);
  addStats(add, parts, counts);
  addStream(add, doorbell, answerEvents);
  addOutput(add, parts);
  app.notFound((c) => problemResponse(nothingHere(app, c.req.path)));
  app.onError(async (error, c) => {
    await untilSent(c.env.incoming, parts.clock);
    if (problemOf(error).code === "INTERNAL") parts.failed(error);
    const rows = Object.entries(ENDPOINTS).filter(([where]) => where.endsWith(` ${routeOf(c)}`));
    const dialect = rows.some(([, row]) => "inApiMs" in row) ? dialectOf(c, parts) : PLAIN;
    return dialect.refusal(error, c.req.method);
  });
  return app;
}

/** A client that still sends its body when the connection is closed never reads why it is refused. */
async function untilSent(incoming: IncomingMessage, clock: Clock): Promise<void> {
  if (incoming.complete) return;
  incoming.resume();
  const sent = finished(incoming).catch(() => {}); // the client may have left
  await within(clock, 1000, sent, () => {});
}

const packed = promisify(gzip);
const GZIP = { header: "Accept-Encoding" as const, supports: ["gzip"], default: "" };

/** Packs answers, but none of 20 MB, which would take longer than to make them. The last is kept: all pages of a list ask for it. */
function compressed(): MiddlewareHandler<Env> {
  let last: { readonly etag: string | null; readonly body: Promise<Buffer<ArrayBuffer>> } | undefined;
  return async (c, next) => {
    await next();
    const { headers } = c.res;
    const length = Number(headers.get("content-length")); // a stream has none
    if (length < 1024 || length > 4 << 20 || c.req.method === "HEAD" || accepts(c, GZIP) === "") return;
    const etag = headers.get("etag");
    if (etag === null || etag !== last?.etag) last = { etag, body: c.res.arrayBuffer().then((whole) => packed(whole)) };
    const body = await last.body;
    c.res = new Response(body, c.res);
    c.res.headers.set("content-encoding", "gzip");
    c.res.headers.set("content-length", `${body.length}`);
    c.res.headers.set("vary", "Accept-Encoding");
  };
}

const NOT_BUILT = "This is ttsctl. The page isn't built; run npm run build. The API is described in openapi.json.\n";

/** The page, without a token: it shows nothing before its user has given one. Its files are read once: a new build renames them. */
function addPage(app: Hono<Env>, add: AddEndpoint, { pageFolder }: ServerParts): void {
  const fileAt = (path: string, caching: string) => {
    const body = readFileSync(join(pageFolder, path));
    const packed = gzipSync(body);
    const tag = tagOf(body);
    const about = { "content-type": getMimeType(path)!, "cache-control": caching, etag: tag, vary: "Accept-Encoding" };
    return (c: Context<Env>) => {
      if (namesTag(c.req.header("if-none-match"), tag)) return new Response(null, { status: 304, headers: about });
      if (accepts(c, GZIP) === "") return new Response(body, { headers: about });
      return new Response(packed, { headers: { ...about, "content-encoding": "gzip" } });
    };
  };
  const isBuilt = existsSync(join(pageFolder, "index.html"));
  if (!isBuilt) return void add("GET /", () => jsonText(NOT_BUILT, [], { "content-type": "text/plain" }));
  add("GET /", fileAt("index.html", "no-cache"));
  for (const name of readdirSync(join(pageFolder, "assets"))) {
    app.get(`/assets/${name}`, fileAt(join("assets", name), "public, max-age=31536000, immutable")); // the name holds a digest of the content
  }
}

/** The pattern of the route of a request, or `other`. */
function routeOf(c: Context<Env>): string {
  return matchedRoutes(c).findLast(({ path }) => !path.endsWith("*"))?.path ?? "other";
}

/** 405 if the path takes another method. */
function nothingHere(app: Hono<Env>, path: string): HttpError {
  const allowed = ["GET", "POST", "DELETE"].filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
  );
  if (allowed.length === 0) return new HttpError("NOT_FOUND", "not found", "see openapi.json");
  const allow = allowed.flatMap((method) => (method === "GET" ? [method, "HEAD"] : method)).join(", ");
  const what = `this method isn't allowed here; use ${allowed.join(" or ")}`;
  return new HttpError("METHOD_NOT_ALLOWED", what, undefined, { allow });
}
