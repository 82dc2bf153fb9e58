import { createHash } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Context } from "hono";
import { type ErrorCode, TtsctlError } from "../errors.ts";
import { IF_LOST } from "../operations/safety.ts";
import type { AnswerOf } from "./schema.ts";

export const WARNINGS_HEADER = "ttsctl-warnings";

/** Lines as the value of a header, at most some kB: a JSON array in ASCII. Further lines are left out, and the last one is cut. */
function warningsValue(lines: readonly string[]): string {
  const kept: string[] = [];
  for (const line of lines) {
    const cut = line.slice(0, 300).toWellFormed();
    const last = cut === line ? "there are more warnings" : `${cut}...`;
    if (asciiJson([...kept, line]).length > 4000) return asciiJson([...kept, last]);
    kept.push(line);
  }
  return asciiJson(kept);
}

/** JSON.stringify escapes control characters, but not text beyond ASCII. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\x7f-\uffff]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

type Headers = Readonly<Record<string, string>>;

export function jsonText(text: string, warnings?: readonly string[], headers: Headers = {}, status = 200): Response {
  const about = { "content-type": "application/json", "content-length": `${Buffer.byteLength(text)}` };
  return new Response(text, { status, headers: { ...about, ...headers, ...warned(warnings) } });
}

function warned(warnings: readonly string[] = []): Headers {
  return warnings.length === 0 ? {} : { [WARNINGS_HEADER]: warningsValue(warnings) };
}

/** An answer that a browser keeps, and asks whether it still holds: then it's 304. The packed bytes have the same weak tag. */
export function keptText({ req }: Context, text: string, warnings: readonly string[] = [], headers: Headers = {}) {
  if (req.method === "POST") return jsonText(text, warnings, headers); // isn't cached
  const said = { ...headers, ...warned(warnings) };
  const etag = tagOf(text, `\0${JSON.stringify(said)}`);
  const about = { etag, "cache-control": "private, no-cache", vary: "Accept-Encoding" };
  if (namesTag(req.header("if-none-match"), about.etag)) return new Response(null, { status: 304, headers: about });
  return jsonText(text, [], { ...said, ...about });
}

/** A weak tag of some content. */
export function tagOf(...parts: (string | Buffer)[]): string {
  const hash = createHash("sha1");
  for (const part of parts) hash.update(part);
  return `W/"${hash.digest("base64url")}"`;
}

/** Whether a header such as `If-None-Match` names a tag; a weak one of the same value counts (RFC 9110). */
export function namesTag(header: string | undefined, etag: string): boolean {
  const value = (tag: string) => tag.trim().replace(/^W\//, "");
  return header?.split(",").some((tag) => value(tag) === "*" || value(tag) === value(etag)) ?? false;
}

export function json(value: object, warnings?: readonly string[], headers?: Headers, status?: number): Response {
  return jsonText(`${JSON.stringify(value)}\n`, warnings, headers, status);
}

function all<C extends string>(status: number, ...codes: C[]): Record<C, number> {
  return Object.fromEntries(codes.map((code) => [code, status])) as Record<C, number>;
}

/** Errors that only HTTP has, with their statuses. */
export const HTTP_CODES = {
  ...all(400, "BAD_REQUEST", "USER_REQUIRED"),
  ...all(401, "TOKEN_REQUIRED", "TOKEN_WRONG"),
  ...all(403, "HOST_REFUSED", "CROSS_SITE", "READ_ONLY"),
  ...all(404, "NOT_FOUND", "TASK_NOT_FOUND"),
  ...all(405, "METHOD_NOT_ALLOWED"),
  ...all(408, "REQUEST_TIMEOUT"),
  ...all(409, "TASK_UNFINISHED", "TASK_REFUSED", "TASK_RETURNED"),
  ...all(413, "BODY_TOO_LARGE"),
  ...all(415, "UNSUPPORTED_MEDIA_TYPE"),
  ...all(416, "RANGE_NOT_SATISFIABLE"),
  ...all(429, "TOO_MANY_TRIES"),
  ...all(431, "HEADERS_TOO_LARGE"),
  ...all(500, "DELETE_FAILED"),
  ...all(503, "BUSY"),
};

type HttpCode = keyof typeof HTTP_CODES;

/** Statuses of errors of the command line. REDIS_* are 503, and all others 500. */
export const STATUSES: Readonly<Partial<Record<ErrorCode, number>>> = {
  ...all(400, "USAGE"),
  ...all(403, "CONFIG_REQUIRED"),
  ...all(409, "MAX_DELETE_EXCEEDED", "TIMEZONE_MISMATCH", "LAYOUT_MISMATCH", "STORE_MISMATCH", "STORE_EMPTY"),
  ...all(503, "CLOCK_SKEW", "STORE_UNREADABLE", "STORE_INVALID", "STORE_BUSY", "LOCK_TIMEOUT", "INTERRUPTED"),
};

/** A refused request: `message` is one line, `hint` what to do next. */
export class HttpError extends Error {
  override readonly name = "HttpError";

  constructor(
    readonly code: HttpCode,
    message: string,
    readonly hint?: string,
    readonly headers: Headers = {},
  ) {
    super(message);
  }
}

/** What a client can do, instead of the hints for commands that name flags. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  MAX_DELETE_EXCEEDED: 'send "dry_run": true for the plan; if it is right, raise the limit',
  STORE_EMPTY: `check the server's store file and its mount; ${IF_LOST}`,
  STORE_MISMATCH: "nothing was changed; check [store] and [redis] in the server's config.ini",
  STORE_UNREADABLE: "check [store] path in the server's config.ini",
  REDIS_UNAVAILABLE: "start Redis, or check [redis] host and port in the server's config.ini",
};

/** The body of an error: RFC 9457, with the code and hint of the command line. The text of an internal error isn't sent: it may contain anything. */
export function problemOf(error: unknown): AnswerOf<"Problem"> {
  if (error instanceof HttpError) return problem(HTTP_CODES[error.code], error.code, error.message, error.hint);
  if (error instanceof TtsctlError && error.code !== "INTERNAL") {
    const status = error.code.startsWith("REDIS_") ? 503 : (STATUSES[error.code] ?? 500);
    return problem(status, error.code, error.message, HINTS[error.code] ?? error.hint);
  }
  return problem(500, "INTERNAL", "an internal error", "see the server's log");
}

function problem(status: number, code: HttpCode | ErrorCode, message: string, hint: string | undefined) {
  const cut = message.slice(0, 2000); // it may repeat what the client sent
  const detail = cut === message ? cut : `${cut.toWellFormed()}...`;
  return { type: "about:blank", title: STATUS_CODES[status]!, status, detail, code, hint: hint ?? null } as const;
}

export function problemResponse(error: unknown): Response {
  const body = problemOf(error);
  const headers = { "content-type": "application/problem+json", ...(error instanceof HttpError && error.headers) };
  return json(body, [], headers, body.status);
}
