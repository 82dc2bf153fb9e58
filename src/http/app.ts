import { type Context, Hono } from "hono";
import { routePath } from "hono/route";
import { HttpError, jsonText, problemOf, problemResponse } from "./answer.ts";
import { dialectOf, PLAIN } from "./dialects.ts";
import { checkRequest, checkToken, endSession } from "./guard.ts";
import { noteRoute } from "./metrics.ts";
import { openapi } from "./openapi.ts";
import type { Env, HealthAnswer, ServerParts } from "./parts.ts";
import { jsonBody, paramsOf } from "./request.ts";
import { addOutput } from "./routes/output.ts";
import { addPage } from "./routes/page.ts";
import { addStats } from "./routes/stats.ts";
import { addVoiceTasks, DIALECT_ROUTES } from "./routes/voice-tasks.ts";

/** All routes. Those above the token check need no token, because they show nothing of a task. */
export function createApp(parts: ServerParts): Hono<Env> {
  const app = new Hono<Env>({ strict: true });
  app.use(async (c, next) => {
    noteRoute(c.env.outgoing, routeOf(c));
    checkRequest(c.env.incoming, parts.hosts);
    await next();
  });
  addHealth(app, parts);
  const description = `${JSON.stringify(openapi(parts.version, parts.basePath))}\n`;
  app.get("/openapi.json", () => jsonText(description));
  addPage(app, parts);
  addLogin(app, parts);
  app.use(async (c, next) => {
    checkToken(c.env.incoming, parts.token);
    await next();
  });
  addVoiceTasks(app, parts);
  addStats(app, parts);
  addOutput(app, parts);
  app.get("/metrics", async (c) => {
    paramsOf(c.req.url, []);
    const headers = { "content-type": parts.metrics.contentType };
    return new Response(await parts.metrics.text(await parts.health()), { headers });
  });
  app.notFound((c) => problemResponse(nothingHere(app, c.req.path)));
  app.onError((error, c) => {
    if (problemOf(error).code === "INTERNAL") parts.failed(error);
    const dialect = DIALECT_ROUTES.includes(routeOf(c)) ? dialectOf(c, parts) : PLAIN;
    return dialect.refusal(error, c.req.method);
  });
  return app;
}

/** 503 only if neither store can answer, so nobody restarts a server because Redis is down. */
function addHealth(app: Hono<Env>, { health, rules, remove, token }: ServerParts): void {
  app.get("/healthz", async () => {
    const seen = await health();
    const about = { timezone: rules.zone.name, readOnly: remove === null, token: token !== null };
    const answer = { ...seen, ...about } satisfies HealthAnswer;
    return jsonText(`${JSON.stringify(answer)}\n`, {}, [], seen.status === "down" ? 503 : 200);
  });
}

/** For browsers: `POST /login` with `{"token": ...}` begins a session, `POST /logout` ends it. */
function addLogin(app: Hono<Env>, { token, basePath }: ServerParts): void {
  const withCookie = (cookie: string) => new Response(null, { status: 204, headers: { "set-cookie": cookie } });
  app.post("/login", async (c) => {
    const given = tokenIn(await jsonBody(c.env.incoming));
    if (token === null) return new Response(null, { status: 204 });
    if (!token.matches(given)) throw new HttpError("TOKEN_WRONG", "the token is wrong");
    return withCookie(token.startSession(basePath, isSecure(c)));
  });
  app.post("/logout", (c) => withCookie(endSession(basePath, isSecure(c))));
}

/** A proxy may have been reached by TLS. A client that forges the header only restricts its own cookie. */
function isSecure(c: Context<Env>): boolean {
  return c.req.header("x-forwarded-proto") === "https";
}

function tokenIn(text: string): string {
  try {
    const { token } = JSON.parse(text);
    if (typeof token === "string") return token;
  } catch {
    // reported below, without the text
  }
  throw new HttpError("BAD_REQUEST", "the body holds no token", 'send {"token": "..."}');
}

/** The pattern of the route of a request, or `other`. */
function routeOf(c: Context<Env>): string {
  const path = routePath(c, -1);
  return path === "/*" || path === "*" ? "other" : path;
}

const METHODS = ["GET", "POST", "DELETE"];

/** 405 if the path takes another method. */
function nothingHere(app: Hono<Env>, path: string): HttpError {
  const allowed = METHODS.filter((method) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method),
  );
  if (allowed.length === 0) return new HttpError("NOT_FOUND", "there is nothing here", "see /openapi.json");
  const allow = allowed.join(", ");
  return new HttpError("METHOD_NOT_ALLOWED", `this takes ${allow} alone`, undefined, { allow });
}
