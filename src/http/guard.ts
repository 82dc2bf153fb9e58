import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { jsonIn } from "../json/value.ts";
import { HttpError } from "./answer.ts";
import type { AddEndpoint } from "./endpoints.ts";
import { type Env, LIMITS, type ServerParts } from "./parts.ts";
import { bodyOf } from "./request.ts";

const LOCAL = ["localhost", "127.0.0.1", "::1"];

/** Whether only this machine can reach an address. */
export function isLocal(host: string): boolean {
  return LOCAL.includes(host.toLowerCase()) || /^127(\.\d{1,3}){3}$/.test(host);
}

export type Hosts = ReturnType<typeof hostsOf>;

/**
 * The names that a request may have as `Host`. Another site can have its own name resolve to 127.0.0.1 and then read as
 * the same origin (DNS rebinding), but it can't choose the `Host` that its browser sends. @param more such as that of a proxy
 */
export function hostsOf(host: string, more: readonly string[]) {
  const names = new Set([...LOCAL, host.toLowerCase(), ...more]);
  const isAnyAddress = ["0.0.0.0", "::"].includes(host); // a server that listens there can't know its names
  return {
    /** @param authority a name or an address, with a port or without, as in `Host` and in an origin */
    allows(authority: string): boolean {
      const name = nameOf(authority);
      return name !== undefined && (names.has(name) || (isAnyAddress && isIP(name) !== 0));
    },

    /** Whether an origin is the host and port of the request, or a proxy. Another server on this machine is another site. */
    allowsOrigin(origin: string, host: string | undefined): boolean {
      const [, authority = ""] = /^https?:\/\/(.+)$/.exec(origin) ?? [];
      return authority === host || more.includes(nameOf(authority) ?? "");
    },
  };
}

/** Without port, brackets and the dot of a full name; undefined if it is invalid. */
function nameOf(authority: string): string | undefined {
  const [, address, name] = /^(?:\[([\da-f:.]+)\]|([^\s/@[\]?#:]+?)\.?)(?::\d{1,5})?$/i.exec(authority) ?? [];
  return (address ?? name)?.toLowerCase();
}

/** Browsers send a host's cookies to all its ports, so the name has the port that the browser asked. */
export function cookieOf(c: Context<Env>): string {
  const [, port] = /:(\d+)$/.exec(c.env.incoming.headers.host ?? "") ?? [];
  return port === undefined ? "ttsctl_session" : `ttsctl_session_${port}`;
}

const SESSION_S = 30 * 86_400;

/** Compares in constant time. */
function isToken(text: string, token: string): boolean {
  const [digest, expected] = [text, token].map((word) => createHash("sha256").update(word).digest());
  return timingSafeEqual(digest!, expected!);
}

/** Login and logout of browsers, whose sessions end with the server. @returns a check of a request, which throws TOKEN_REQUIRED, TOKEN_WRONG */
export function addSessions(add: AddEndpoint, { clock, settings: { http } }: ServerParts) {
  const token = http.token.value;
  /** The ends of sessions by the values of their cookies, the oldest first. */
  const sessions = new Map<string, number>();
  /** How many wrong tokens each address tried at `/login`, until the monotonic end of this minute. */
  const wrong = new Map<string, number>();
  let end = 0;

  function refuseGuessing(address: string): void {
    const now = clock.monotonic();
    if (now >= end) {
      wrong.clear();
      end = now + 60;
    }
    if ((wrong.get(address) ?? 0) < LIMITS.wrongTokens) return;
    const wait = `${Math.ceil(end - now)}`;
    throw new HttpError("TOO_MANY_TRIES", "too many wrong tokens", `try again in ${wait} s`, { "retry-after": wait });
  }

  /** A proxy, the first of several, may have been reached by TLS. A client that forges the header only restricts its own cookie. */
  function attributes(c: Context<Env>): { path: string; secure: boolean } {
    return { path: http.basePath.value || "/", secure: /^https\b/i.test(c.req.header("x-forwarded-proto") ?? "") };
  }

  /** Begins a session. @throws HttpError TOKEN_WRONG, TOO_MANY_TRIES */
  add("POST /login", async (c) => {
    const { token: given } = Object(jsonIn((await bodyOf(c.env.incoming, LIMITS.loginBytes))())) as { token?: unknown };
    if (typeof given !== "string") throw new HttpError("BAD_REQUEST", "the body has no token", 'send {"token": "..."}');
    if (token === null) return c.body(null, 204);
    const { remoteAddress = "" } = c.env.incoming.socket;
    refuseGuessing(remoteAddress);
    if (!isToken(given, token)) {
      wrong.set(remoteAddress, (wrong.get(remoteAddress) ?? 0) + 1);
      throw wrongToken();
    }
    const session = randomBytes(24).toString("base64url");
    sessions.set(session, clock.now() + SESSION_S);
    if (sessions.size > LIMITS.sessions) sessions.delete(sessions.keys().next().value!);
    setCookie(c, cookieOf(c), session, { ...attributes(c), maxAge: SESSION_S, httpOnly: true, sameSite: "Strict" });
    return c.body(null, 204);
  });

  add("POST /logout", (c) => {
    sessions.delete(getCookie(c, cookieOf(c)) ?? "");
    deleteCookie(c, cookieOf(c), attributes(c));
    return c.body(null, 204);
  });

  return (c: Context<Env>): void => {
    if (token === null) return;
    const authorization = c.req.header("authorization");
    const bearer = /^bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
    if (bearer === undefined) {
      if ((sessions.get(getCookie(c, cookieOf(c)) ?? "") ?? 0) > clock.now()) return;
      if (authorization === undefined) throw new HttpError("TOKEN_REQUIRED", "a token is required", HINT, CHALLENGE);
    } else if (isToken(bearer, token)) return;
    throw wrongToken();
  };
}

function wrongToken(): HttpError {
  return new HttpError("TOKEN_WRONG", "the token is invalid", HINT, CHALLENGE);
}

const HINT = "send Authorization: Bearer with the token of [http] token, or log in on the page";
const CHALLENGE = { "www-authenticate": "Bearer" };

const SAFE_METHODS = ["GET", "HEAD", "OPTIONS"];

/** @throws HttpError unless the Host is ours, the URL can be decoded, and no other site caused a change */
export function checkRequest(incoming: IncomingMessage, hosts: Hosts): void {
  const { headers, headersDistinct, rawHeaders, url = "", method = "" } = incoming;
  if (rawHeaders.length > 2 * LIMITS.headers) throw new HttpError("HEADERS_TOO_LARGE", "there are too many headers");
  if ((headersDistinct.host?.length ?? 0) > 1) throw new HttpError("BAD_REQUEST", "more than one Host");
  if (headers.host === undefined || !hosts.allows(headers.host)) {
    const hint = "use localhost, or add the host to [http] allowed_hosts (TTSCTL_HTTP_ALLOWED_HOSTS)";
    throw new HttpError("HOST_REFUSED", "this Host is not allowed", hint);
  }
  if (!url.startsWith("/") || !isDecodable(url)) {
    throw new HttpError("BAD_REQUEST", "the URL isn't a path in percent-encoded UTF-8");
  }
  if (!SAFE_METHODS.includes(method) && isCrossSite(headers, hosts)) {
    const hint = "if it is the page behind a proxy, add the proxy's name to [http] allowed_hosts";
    throw new HttpError("CROSS_SITE", "pages of other sites can't change anything here", hint);
  }
}

function isDecodable(url: string): boolean {
  try {
    return !url.includes("%") || decodeURIComponent(url) !== "";
  } catch {
    return false;
  }
}

/** Programs send neither header; browsers send both with all but GET. */
function isCrossSite({ host, origin, "sec-fetch-site": site }: IncomingMessage["headers"], hosts: Hosts): boolean {
  if (typeof site === "string" && site !== "same-origin" && site !== "none") return true;
  return origin !== undefined && !hosts.allowsOrigin(origin, host);
}
