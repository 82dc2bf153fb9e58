import type { Context, Hono } from "hono";
import type { Env, PageFile, ServerParts } from "../parts.ts";

const NOT_BUILT = "ttsctl answers here. The page is not built: npm run build. The API is described in openapi.json.\n";
const INDEX = "/index.html";

/** The page, without a token: it is the same for everybody, and shows nothing before its user has given one. */
export function addPage(app: Hono<Env>, { page }: ServerParts): void {
  app.get("/", (c) => {
    const index = page.get(INDEX);
    if (index === undefined) return new Response(NOT_BUILT, { headers: { "content-type": "text/plain" } });
    return answer(c, index, "no-cache");
  });
  for (const [path, file] of page) {
    // Names of assets hold a digest of their content.
    const lasting = path.startsWith("/assets/");
    if (path !== INDEX)
      app.get(path, (c) => answer(c, file, lasting ? "public, max-age=31536000, immutable" : "no-cache"));
  }
}

function answer(c: Context<Env>, { type, bytes, gzipped, etag }: PageFile, caching: string): Response {
  const headers = { "content-type": type, "cache-control": caching, etag, vary: "accept-encoding" };
  const { "if-none-match": known, "accept-encoding": accepted } = c.env.incoming.headers;
  if (known === etag) return new Response(null, { status: 304, headers });
  if (!/\bgzip\b(?!;q=0)/.test(String(accepted ?? ""))) return new Response(bytes, { headers });
  return new Response(gzipped, { headers: { ...headers, "content-encoding": "gzip" } });
}
