import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Clock } from "../clock.ts";
import { HttpError } from "./answer.ts";

/** All addresses of a machine: a server that listens there can't know its names. */
const ANY_ADDRESS = new Set(["0.0.0.0", "::"]);
const LOCAL = ["localhost", "127.0.0.1", "::1"];

/** Whether only this machine can reach an address. */
export function isLocal(host: string): boolean {
  return LOCAL.includes(host.toLowerCase()) || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * The names that a request may have as `Host`. Another site can have its own name resolve to 127.0.0.1 and then read as
 * the same origin (DNS rebinding), but it can't choose the `Host` that its browser sends.
 */
export class Hosts {
  readonly #names: ReadonlySet<string>;
  readonly #proxied: ReadonlySet<string>;
  readonly #anyAddress: boolean;

  /**
   * @param host where the server listens
   * @param more further names, such as that of a proxy
   */
  constructor(host: string, more: readonly string[]) {
    this.#names = new Set([...LOCAL, host.toLowerCase(), ...more]);
    this.#proxied = new Set(more);
    this.#anyAddress = ANY_ADDRESS.has(host);
  }

  /** @param authority a name or an address, with a port or without, as in `Host` and in an origin */
  allows(authority: string): boolean {
    const name = nameOf(authority);
    if (name === undefined) return false;
    return this.#names.has(name) || (this.#anyAddress && isIP(name) !== 0);
  }

  /**
   * Whether an origin is that of our page: the host and port of the request, or a proxy, which may use another name. Another
   * server on this machine is another site.
   */
  allowsOrigin(origin: string, host: string | undefined): boolean {
    const [, authority = ""] = /^https?:\/\/(.+)$/.exec(origin) ?? [];
    return authority === host || this.#proxied.has(nameOf(authority) ?? "");
  }
}

/** Without port, brackets and the dot of a full name; undefined if it is invalid. */
function nameOf(authority: string): string | undefined {
  const [, address, name] = /^(?:\[([\da-f:.]+)\]|([^\s/@[\]?#:]+?)\.?)(?::\d{1,5})?$/i.exec(authority) ?? [];
  return (address ?? name)?.toLowerCase();
}

export const COOKIE = "ttsctl_session";
const SESSION_S = 30 * 86_400;

/** Compares in constant time. */
function isSame(a: string, b: string): boolean {
  const [digestA, digestB] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(digestA!, digestB!);
}

/** The token of a server. A session of a browser is its end, signed with the token: a new token ends all sessions. */
export class Token {
  readonly #token: string;
  readonly #clock: Clock;

  constructor(token: string, clock: Clock) {
    this.#token = token;
    this.#clock = clock;
  }

  matches(text: string): boolean {
    return isSame(text, this.#token);
  }

  /** Whether a request may be answered. */
  admits(headers: { authorization?: string | undefined; cookie?: string | undefined }): boolean {
    const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? "")?.[1];
    if (bearer !== undefined) return this.matches(bearer);
    const session = new RegExp(`(?:^|;) *${COOKIE}=([^;]*)`).exec(headers.cookie ?? "")?.[1];
    return session !== undefined && this.#isValid(session);
  }

  /** The cookie of a new session. */
  startSession(path: string, isSecure: boolean): string {
    const end = String(Math.floor(this.#clock.now()) + SESSION_S);
    return cookie(`${end}.${this.#sign(end)}`, SESSION_S, path, isSecure);
  }

  #isValid(session: string): boolean {
    const [end = "", signature = ""] = session.split(".");
    return isSame(signature, this.#sign(end)) && Number(end) > this.#clock.now();
  }

  #sign(end: string): string {
    return createHmac("sha256", this.#token).update(`ttsctl session until ${end}`).digest("base64url");
  }
}

/** The cookie that ends a session. */
export function endSession(path: string, isSecure: boolean): string {
  return cookie("", 0, path, isSecure);
}

function cookie(value: string, seconds: number, path: string, isSecure: boolean): string {
  const secure = isSecure ? "; Secure" : "";
  return `${COOKIE}=${value}; Path=${path || "/"}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);
/** What a browser sends as Sec-Fetch-Site if no other site caused the request. */
const OWN_SITE = new Set(["same-origin", "none"]);

/**
 * Checks that every request passes: the Host is ours, the URL can be decoded, and no other site caused a change.
 * @throws HttpError
 */
export function checkRequest({ headers, url = "", method = "" }: IncomingMessage, hosts: Hosts): void {
  if (headers.host === undefined || !hosts.allows(headers.host)) {
    const hint = "ask for localhost, or name the host in [http] allowed_hosts (TTSCTL_HTTP_ALLOWED_HOSTS)";
    throw new HttpError("HOST_REFUSED", "this server does not answer to that Host", hint);
  }
  if (!url.startsWith("/") || !isDecodable(url)) {
    throw new HttpError("BAD_REQUEST", "the URL is no path in percent-encoded UTF-8");
  }
  if (!SAFE_METHODS.has(method) && isCrossSite(headers, hosts)) {
    throw new HttpError("CROSS_SITE", "a page of another site may not change anything here");
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
  if (typeof site === "string" && !OWN_SITE.has(site)) return true;
  return origin !== undefined && !hosts.allowsOrigin(origin, host);
}

/** @throws HttpError TOKEN_REQUIRED, TOKEN_WRONG */
export function checkToken({ headers }: IncomingMessage, token: Token | null): void {
  if (token === null || token.admits(headers)) return;
  const hint = "send Authorization: Bearer with the token of [http] token, or log in on the page";
  const challenge = { "www-authenticate": "Bearer" };
  if (headers.authorization !== undefined) throw new HttpError("TOKEN_WRONG", "the token is wrong", hint, challenge);
  throw new HttpError("TOKEN_REQUIRED", "this needs a token", hint, challenge);
}
