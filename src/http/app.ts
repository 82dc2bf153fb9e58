import { type Context, Hono } from "hono";
import { routePath } from "hono/route";
import { HttpError, jsonText, problemOf, problemResponse } from "./answer.ts";
import { dialectOf, PLAIN } from "./dialects.ts";
import { checkRequest, checkToken } from "./guard.ts";
import { addHealth, addMetrics } from "./health.ts";
import { noteRoute } from "./metrics.ts";
import { openapi } from "./openapi.ts";
import type { Env, ServerParts } from "./parts.ts";
import { addLogin } from "./routes/login.ts";
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
  addMetrics(app, parts);
  app.notFound((c) => problemResponse(nothingHere(app, c.req.path)));
  app.onError((error, c) => {
    if (problemOf(error).code === "INTERNAL") parts.failed(error);
    const dialect = DIALECT_ROUTES.includes(routeOf(c)) ? dialectOf(c, parts) : PLAIN;
    return dialect.refusal(error, c.req.method);
  });
  return app;
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
