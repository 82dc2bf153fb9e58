import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../clock.ts";

export const COOKIE = "ttsctl_session";
const SESSION_S = 30 * 86_400;

/** Whether two texts are the same, in a time that does not say how far they are. */
function isSame(a: string, b: string): boolean {
  const [digestA, digestB] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(digestA!, digestB!);
}

/**
 * The token of a server, and the sessions of browsers that gave it once. A session is its end and a signature made with
 * the token: nothing is stored, and another token ends them all.
 */
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

/** The cookie that takes a session away. */
export function endSession(path: string, isSecure: boolean): string {
  return cookie("", 0, path, isSecure);
}

/** No script can read it, and no page of another site has it sent. */
function cookie(value: string, seconds: number, path: string, isSecure: boolean): string {
  const secure = isSecure ? "; Secure" : "";
  return `${COOKIE}=${value}; Path=${path || "/"}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}
