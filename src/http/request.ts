import type { IncomingMessage } from "node:http";
import { usage } from "../errors.ts";
import { whyNotPython } from "../json/scan.ts";
import { MOST_IDS } from "../operations/list-query.ts";
import { parseWholeNumber } from "../task/amounts.ts";
import { KEY_NAMES, type QueryNames, type RawQuery, rawQuery, valueIn } from "../task/query-fields.ts";
import { HttpError } from "./answer.ts";
import { LIMITS } from "./limits.ts";

/**
 * The parameters of a URL by name. Empty ones are ignored: empty fields of a form send them.
 * @throws TtsctlError USAGE for an unknown one, or one that is given twice
 */
export function paramsOf<N extends string>(url: string, accepted: readonly N[]): Map<N, string> {
  const query = url.indexOf("?");
  const params = new Map<N, string>();
  if (query < 0) return params;
  const seen = new Set<string>();
  for (const [name, value] of new URLSearchParams(url.slice(query))) {
    if (!(accepted as readonly string[]).includes(name)) {
      const hint = accepted.length === 0 ? "accepted: none" : `accepted: ${accepted.join(", ")}`;
      throw usage(`unknown parameter ${JSON.stringify(name)}`, hint);
    }
    if (seen.has(name)) throw usage(`${name} is given more than once`, "give it once");
    seen.add(name);
    if (value !== "") params.set(name as N, value);
  }
  return params;
}

/** The unchecked query of `GET /voice-tasks`. @throws TtsctlError USAGE */
export function listParams(url: string): RawQuery {
  return queryOf(paramsOf(url, Object.values(KEY_NAMES)));
}

/** @throws TtsctlError USAGE */
export function queryOf(params: Params): RawQuery {
  return rawQuery((_, field) => {
    const text = params.get(field.key);
    const value = text === undefined ? null : valueIn(text, field);
    if (value !== undefined) return value;
    const accepted = field.kind === "switch" ? "true or false" : "a whole number";
    throw usage(`${field.key}: ${JSON.stringify(text)} isn't ${accepted}`, `accepted: ${accepted}`);
  });
}

/** How many ids are asked for. @throws TtsctlError USAGE for too many */
export function countIds({ taskIds }: RawQuery, names: QueryNames): number {
  const count = taskIds?.length ?? 0;
  if (count > MOST_IDS) throw usage(`${names.taskIds} has ${count} ids`, `at most ${MOST_IDS} in a request`);
  return count;
}

export type Params = ReadonlyMap<string, string>;

/** One of some words, the first by default. @throws TtsctlError USAGE */
export function choiceIn<W extends string>(params: Params, name: string, choices: readonly W[]): W {
  const text = params.get(name) ?? choices[0];
  return choices.find((known) => known === text) ?? wrong(name, text, choices.join(", "));
}

/** A switch such as `force=true`. @throws TtsctlError USAGE */
export function switchIn(params: Params, name: string, byDefault: boolean): boolean {
  return params.has(name) ? choiceIn(params, name, ["true", "false"]) === "true" : byDefault;
}

/** @throws TtsctlError USAGE unless it is from 1 to `most` */
export function wholeNumberIn(params: Params, name: string, byDefault: number, most: number): number {
  const text = params.get(name);
  if (text === undefined) return byDefault;
  const number = parseWholeNumber(text) ?? 0;
  return number >= 1 && number <= most ? number : wrong(name, text, `a whole number from 1 to ${most}`);
}

function wrong(name: string, text: string | undefined, accepted: string): never {
  throw usage(`${name}: ${JSON.stringify(text)} is invalid`, `accepted: ${accepted}`);
}

/**
 * Reads a body.
 * @param hold is called with the bytes of each part as it comes, and may throw
 * @throws HttpError UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE, BAD_REQUEST for one that was cut or, in `text`, isn't UTF-8; TtsctlError USAGE
 */
export async function bodyOf(incoming: IncomingMessage, mostBytes: number, hold = (_bytes: number) => {}) {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = incoming.headers;
  // A form of another site can't send this type without a preflight request.
  if (!/^application\/json *(;|$)/i.test(type) || encoding !== "identity") {
    const hint = "send Content-Type: application/json, without Content-Encoding";
    throw new HttpError("UNSUPPORTED_MEDIA_TYPE", "the body must be uncompressed JSON", hint);
  }
  // Answered before the body is read: a reader that stops midway closes the connection.
  if (Number(incoming.headers["content-length"] ?? 0) > mostBytes) throw tooLarge(mostBytes);
  let bytes = Buffer.allocUnsafe(FIRST_BYTES); // grows: a list of chunks of one byte each would take 300 times as much
  let size = 0;
  let chunks = 0;
  const add = (chunk: Buffer) => {
    if (size + chunk.length > mostBytes) throw tooLarge(mostBytes);
    hold(chunk.length);
    if (size + chunk.length > bytes.length) {
      bytes = Buffer.concat([bytes], Math.max(2 * bytes.length, size + chunk.length));
    }
    size += chunk.copy(bytes, size);
    // Reading them takes more than all else that a client can ask for.
    if (++chunks > LIMITS.chunks && size < chunks * LIMITS.meanChunk) incoming.socket.destroy();
  };
  await new Promise<void>((resolve, reject) => {
    incoming.on("data", (chunk: Buffer) => {
      try {
        add(chunk);
      } catch (error) {
        incoming.pause().removeAllListeners("data"); // a refusal can still be sent
        reject(error);
      }
    });
    incoming.once("end", resolve).once("close", () => reject(malformed()));
    incoming.once("error", () => reject(malformed()));
  });
  return {
    text(): string {
      const body = bytes.subarray(0, size);
      const problem = whyNotPython(body, 0, size); // JSON.parse takes 100 bytes for each level
      if (problem !== undefined) throw usage(`the body has ${problem}`, "no key takes such a value");
      try {
        return new TextDecoder("utf-8", { fatal: true }).decode(body);
      } catch {
        throw malformed();
      }
    },
  };
}

const FIRST_BYTES = 4 << 10;

function malformed(): HttpError {
  return new HttpError("BAD_REQUEST", "the body is truncated or not UTF-8");
}

function tooLarge(mostBytes: number): HttpError {
  const hint = mostBytes === LIMITS.bodyBytes ? MANY_IDS : `at most ${mostBytes} bytes`;
  return new HttpError("BODY_TOO_LARGE", "the body is too large", hint);
}

const MANY_IDS = "at most 8 MiB: ask for fewer ids at a time";
