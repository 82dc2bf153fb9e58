import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Hono } from "hono";
import { compress } from "hono/compress";
import { etag } from "hono/etag";
import { getMimeType } from "hono/utils/mime";
import type { Env, ServerParts } from "../parts.ts";

const NOT_BUILT = "ttsctl answers here. The page is not built: npm run build. The API is described in openapi.json.\n";

/**
 * The page, without a token: it is the same for everybody, and shows nothing before its user has given one. Its files are
 * read once, because a build or an update while the server runs gives them other names.
 */
export function addPage(app: Hono<Env>, { pageFolder }: ServerParts): void {
  const add = (route: string, path: string, caching: string) => {
    const body = readFileSync(join(pageFolder, path));
    const headers = { "content-type": getMimeType(path)!, "cache-control": caching };
    app.get(route, compress(), etag(), () => new Response(body, { headers }));
  };
  if (!existsSync(join(pageFolder, "index.html"))) {
    app.get("/", () => new Response(NOT_BUILT, { headers: { "content-type": "text/plain" } }));
    return;
  }
  add("/", "index.html", "no-cache");
  for (const name of readdirSync(join(pageFolder, "assets"))) {
    add(`/assets/${name}`, join("assets", name), "public, max-age=31536000, immutable"); // the name holds a digest of the content
  }
}
