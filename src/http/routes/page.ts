import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { serveStatic } from "@hono/node-server/serve-static";
import type { Hono } from "hono";
import { compress } from "hono/compress";
import { etag } from "hono/etag";
import type { Env, ServerParts } from "../parts.ts";

const NOT_BUILT = "ttsctl answers here. The page is not built: npm run build. The API is described in openapi.json.\n";

/** The page, without a token: it is the same for everybody, and shows nothing before its user has given one. */
export function addPage(app: Hono<Env>, { pageFolder }: ServerParts): void {
  if (!existsSync(pageFolder)) {
    app.get("/", () => new Response(NOT_BUILT, { headers: { "content-type": "text/plain" } }));
    return;
  }
  const serve = (caching: string) =>
    serveStatic<Env>({ root: pageFolder, onFound: (_, c) => c.header("cache-control", caching) });
  app.get("/", compress(), etag(), serve("no-cache"));
  for (const name of readdirSync(join(pageFolder, "assets"))) {
    // The name holds a digest of the content.
    app.get(`/assets/${name}`, compress(), etag(), serve("public, max-age=31536000, immutable"));
  }
}
