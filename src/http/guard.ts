import type { IncomingMessage } from "node:http";
import type { Hosts } from "./hosts.ts";
import { HttpError } from "./problem.ts";
import type { Token } from "./token.ts";

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);
/** What a browser says of a request that no other site caused. */
const OWN_SITE = new Set(["same-origin", "none"]);

/**
 * What every request must pass, whatever it asks for: a name that is ours, a URL that can be decoded, and for what
 * changes something no sign that another site caused it.
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

/** Programs send neither header; all browsers of today send both with what is no GET. */
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
