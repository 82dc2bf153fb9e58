import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Context, Hono } from "hono";
import { systemErrorCode } from "../../errors.ts";
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

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
};

/** Reads the built page whole, by path; it is small. Without the folder there is none. */
export async function loadPage(folder: string): Promise<Map<string, PageFile>> {
  const page = new Map<string, PageFile>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error) => {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw error;
  });
  for (const entry of entries) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    page.set(`/${path.slice(join(folder, "/").length)}`, await loadFile(path, type));
  }
  return page;
}

async function loadFile(path: string, type: string): Promise<PageFile> {
  const bytes = await readFile(path);
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
  return { type, bytes, gzipped: await promisify(gzip)(bytes), etag };
}
