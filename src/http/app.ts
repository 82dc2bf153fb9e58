import { Hono } from "hono";
import { checkRequest, checkToken } from "./guard.ts";
import type { Env, ServerParts } from "./parts.ts";
import { HttpError, problemOf, problemResponse } from "./problem.ts";
import { addHealth } from "./routes/health.ts";
import { addLogin } from "./routes/login.ts";
import { addOutput } from "./routes/output.ts";
import { addPage } from "./routes/page.ts";
import { addStats } from "./routes/stats.ts";
import { addVoiceTasks } from "./routes/voice-tasks.ts";

/** All that the server answers. What stands above the token check may be asked without one: nothing of a task is in it. */
export function createApp(parts: ServerParts): Hono<Env> {
  const app = new Hono<Env>({ strict: true });
  app.use(async (c, next) => {
    checkRequest(c.env.incoming, parts.hosts);
    await next();
  });
  addHealth(app, parts);
  addPage(app, parts);
  addLogin(app, parts);
  app.use(async (c, next) => {
    checkToken(c.env.incoming, parts.token);
    await next();
  });
  addVoiceTasks(app, parts);
  addStats(app, parts);
  addOutput(app, parts);
  app.notFound(() => problemResponse(new HttpError("NOT_FOUND", "there is nothing here", "see /openapi.json")));
  app.onError((error) => {
    if (problemOf(error).code === "INTERNAL") parts.failed(error);
    return problemResponse(error);
  });
  return app;
}
