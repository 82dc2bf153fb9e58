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

/** A proxy may have been reached by TLS. A client that forges the header only restricts its own cookie. */
function isSecure(proto: string | undefined): boolean {
  return proto === "https";
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
