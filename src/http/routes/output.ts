import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import { mediaTypeOf } from "../../artifacts/media-types.ts";
import { systemErrorCode } from "../../errors.ts";
import { HttpError, namesTag } from "../answer.ts";
import type { AddEndpoint } from "../endpoints.ts";
import { artifactsOf, type Env, type ServerParts } from "../parts.ts";

export function addOutput(add: AddEndpoint, parts: ServerParts): void {
  add("GET /output/:user/:task/:file{.+}", async (c) => {
    const { user = "", task = "", file = "" } = c.req.param() as Record<string, string>;
    const artifacts = artifactsOf(parts);
    await using handle = await artifacts.openFile(user, task, file.split("/")).finally(() => artifacts.close());
    if (handle === undefined) throw new HttpError("NOT_FOUND", "file not found");
    return await answerFile(c, handle, file, parts);
  });
}

async function answerFile(c: Context<Env>, handle: FileHandle, name: string, { failed }: ServerParts) {
  const { headers, method } = c.env.incoming;
  const stats = await handle.stat({ bigint: true });
  const size = Number(stats.size);
  const validators = validatorsOf(stats);
  const type = mediaTypeOf(name);
  // Files in `output/` aren't trusted: only audio is shown in place, and nothing may run as a page of ours.
  const common = {
    ...validators,
    "accept-ranges": "bytes",
    "content-type": type ?? "application/octet-stream",
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, no-cache",
    ...(type === undefined && { "content-disposition": "attachment" }),
  };
  if (isUnchanged(headers, validators)) return new Response(null, { status: 304, headers: common });
  const isHead = method === "HEAD"; // ranges are for GET only
  const condition = headers["if-range"]; // the tag of the file, or exactly its time
  const isForThis = condition === undefined || Object.values(validators).includes(`${condition}`);
  const range = !isHead && isForThis ? rangeOf(headers.range, size) : "all";
  if (range === "none") {
    const which = { "content-range": `bytes */${size}` };
    throw new HttpError("RANGE_NOT_SATISFIABLE", "the range is outside the file", undefined, which);
  }
  const [status, part] = range === "all" ? [200, { first: 0, last: size - 1 }] : [206, range];
  const more = range === "all" ? {} : { "content-range": `bytes ${range.first}-${range.last}/${size}` };
  const all = { ...common, ...more, "content-length": String(part.last - part.first + 1) };
  if (isHead || size === 0) return new Response(null, { status, headers: all });
  c.env.outgoing.writeHead(status, all);
  await send(handle, part, c.env.outgoing).catch((error) => {
    const hasLeft = ["ERR_STREAM_PREMATURE_CLOSE", "ECONNRESET", "EPIPE"].includes(systemErrorCode(error) ?? "");
    if (!hasLeft) failed(error); // a player that stops is not an error
  });
  return RESPONSE_ALREADY_SENT;
}

/** If the file has become shorter, the answer is broken off, because its length was sent before. */
async function send(handle: FileHandle, { first, last }: ByteRange, outgoing: ServerResponse): Promise<void> {
  const bytes = handle.createReadStream({ start: first, end: last, autoClose: false });
  await pipeline(bytes, outgoing, { end: false });
  if (bytes.bytesRead === last - first + 1) outgoing.end();
  else outgoing.destroy();
}

function validatorsOf({ ino, size, mtimeNs, mtimeMs }: BigIntStats) {
  const etag = `"${ino.toString(36)}-${size.toString(36)}-${mtimeNs.toString(36)}"`;
  return { etag, "last-modified": new Date(Number(mtimeMs)).toUTCString() };
}

/** RFC 9110: `If-None-Match` overrides `If-Modified-Since`. */
function isUnchanged(headers: IncomingHttpHeaders, validators: ReturnType<typeof validatorsOf>): boolean {
  const { "if-none-match": tags, "if-modified-since": since } = headers;
  if (tags !== undefined) return namesTag(tags, validators.etag);
  return since !== undefined && Date.parse(validators["last-modified"]) <= Date.parse(since);
}

type ByteRange = { readonly first: number; readonly last: number };

/** The part that a `Range` header asks for: "all" also for several or invalid ranges, which RFC 9110 lets us ignore. */
export function rangeOf(header: string | undefined, size: number): ByteRange | "all" | "none" {
  const [, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.replaceAll(/[ \t]/g, "") ?? "") ?? [];
  if (from === "" && to === "") return "all";
  if (from === "" && (Number(to) === 0 || size === 0)) return "none";
  if (from === "") return { first: Math.max(0, size - Number(to)), last: size - 1 };
  const [first, last] = [Number(from), to === "" ? size - 1 : Math.min(Number(to), size - 1)];
  if (to !== "" && Number(to) < first) return "all"; // no valid range
  return first >= size ? "none" : { first, last };
}
