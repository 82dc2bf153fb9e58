import type { Hono } from "hono";
import { HttpError } from "../answer.ts";
import { endSession } from "../guard.ts";
import type { Env, ServerParts } from "../parts.ts";
import { jsonBody } from "../request.ts";

/** For browsers: `POST /login` with `{"token": ...}` begins a session, `POST /logout` ends it. */
export function addLogin(app: Hono<Env>, { token, basePath }: ServerParts): void {
  app.post("/login", async (c) => {
    const given = tokenIn(await jsonBody(c.env.incoming));
    if (token === null) return new Response(null, { status: 204 });
    if (!token.matches(given)) throw new HttpError("TOKEN_WRONG", "the token is wrong");
    const cookie = token.startSession(basePath, isSecure(c.req.header("x-forwarded-proto")));
    return new Response(null, { status: 204, headers: { "set-cookie": cookie } });
  });
  app.post("/logout", (c) => {
    const cookie = endSession(basePath, isSecure(c.req.header("x-forwarded-proto")));
    return new Response(null, { status: 204, headers: { "set-cookie": cookie } });
  });
}

/** A proxy may have been asked by TLS. Whoever lies here only makes the own cookie more particular. */
function isSecure(proto: string | undefined): boolean {
  return proto === "https";
}

function tokenIn(text: string): string {
  try {
    const { token } = JSON.parse(text);
    if (typeof token === "string") return token;
  } catch {
    // said below, without what was sent
  }
  throw new HttpError("BAD_REQUEST", "the body holds no token", 'send {"token": "..."}');
}
