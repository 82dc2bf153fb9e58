import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { MOST_IDS } from "../app/list-query.ts";
import { usage } from "../errors.ts";
import { whyNotPython } from "../json/scan.ts";
import { parseWholeNumber } from "../task/amounts.ts";
import { type QueryNames, type RawQuery, rawQuery, valueIn } from "../task/query-fields.ts";
import { HttpError } from "./answer.ts";
import { LIMITS } from "./parts.ts";
import { integerIn, oneOf, TEXT } from "./schema.ts";

/** The parameters of a URL; empty ones, as of a form, are ignored. @throws TtsctlError USAGE for an unknown or repeated one */
export function paramsOf<N extends string>(url: string, accepted: readonly N[]): Map<N, string> {
  const params = new Map<N, string>();
  for (const [text, value] of new URLSearchParams(/\?.*/s.exec(url)?.[0])) {
    const name = accepted.find((known) => known === text);
    if (name === undefined) {
      throw usage(`unknown parameter ${JSON.stringify(text)}`, `accepted: ${accepted.join(", ") || "none"}`);
    }
    if (params.has(name)) throw usage(`${name} is given more than once`, "give it once");
    params.set(name, value);
  }
  return new Map([...params].filter(([, value]) => value !== ""));
}

/** The unchecked query of a URL. @throws TtsctlError USAGE */
export function queryOf(params: ReadonlyMap<string, string>): RawQuery {
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

/** A parameter of a URL: how it is described, and what its text means. @throws TtsctlError USAGE */
interface Param<T> {
  readonly description: string;
  readonly schema: object;
  readonly required?: boolean;
  readonly read: (text: string | undefined, name: string) => T;
}

export type Params = Readonly<Record<string, Param<unknown>>>;
export type Values<P extends Params> = { readonly [N in keyof P]: P[N] extends Param<infer T> ? T : never };

export function textParam(description: string, required = false): Param<string | undefined> {
  return { description, schema: TEXT, required, read: (text) => text };
}

/** One of some words, the first by default. */
export function choiceParam<W extends string>(description: string, words: readonly W[]): Param<W> {
  const read = (text: string | undefined = words[0], name: string) =>
    words.find((known) => known === text) ?? wrong(name, text, words.join(", "));
  return { description, schema: oneOf(words), read };
}

/** A switch such as `force=true`. */
export function switchParam(description: string, byDefault: boolean): Param<boolean> {
  const words = choiceParam(description, byDefault ? ["true", "false"] : ["false", "true"]);
  return { ...words, schema: oneOf(["true", "false"]), read: (text, name) => words.read(text, name) === "true" };
}

/** A number from 1 to `most`. */
export function countParam(description: string, byDefault: number, most: number): Param<number> {
  const read = (text: string | undefined, name: string) => {
    if (text === undefined) return byDefault;
    const number = parseWholeNumber(text) ?? 0;
    return number >= 1 && number <= most ? number : wrong(name, text, `a whole number from 1 to ${most}`);
  };
  return { description: `${description}; ${byDefault} by default`, schema: integerIn([1, most]), read };
}

function wrong(name: string, text: string | undefined, accepted: string): never {
  throw usage(`${name}: ${JSON.stringify(text)} is invalid`, `accepted: ${accepted}`);
}

/** Reads a body. @returns a function that decodes it @param hold gets the bytes of each part, and may throw @throws HttpError UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE, BAD_REQUEST; USAGE */
export async function bodyOf(incoming: IncomingMessage, mostBytes: number, hold = (_bytes: number) => {}) {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = incoming.headers;
  // A form of another site can't send this type without a preflight request.
  if (!/^application\/json *(;|$)/i.test(type) || encoding !== "identity") {
    const hint = "send Content-Type: application/json, without Content-Encoding";
    throw new HttpError("UNSUPPORTED_MEDIA_TYPE", "the body must be uncompressed JSON", hint);
  }
  // Answered before the body is read: a reader that stops midway closes the connection.
  if (Number(incoming.headers["content-length"] ?? 0) > mostBytes) throw tooLarge(mostBytes);
  let bytes = Buffer.allocUnsafe(4096); // grows: a list of chunks of one byte each would take 300 times as much
  let size = 0;
  let chunks = 0;
  try {
    // A refusal can still be sent.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      if (size + chunk.length > mostBytes) throw tooLarge(mostBytes);
      hold(chunk.length);
      if (size + chunk.length > bytes.length) {
        bytes = Buffer.concat([bytes], Math.max(2 * bytes.length, size + chunk.length));
      }
      size += chunk.copy(bytes, size);
      // Reading them takes more than all else that a client can ask for.
      if (++chunks > LIMITS.chunks && size < chunks * LIMITS.meanChunk) incoming.socket.destroy();
    }
  } catch (error) {
    throw error instanceof HttpError ? error : malformed(); // the client broke it off
  }
  return (): string => {
    const body = bytes.subarray(0, size);
    const problem = whyNotPython(body, 0, size); // JSON.parse takes 100 bytes for each level
    if (problem !== undefined) throw usage(`the body has ${problem}`, "no key takes such a value");
    if (!isUtf8(body)) throw malformed();
    return new TextDecoder().decode(body);
  };
}

function malformed(): HttpError {
  return new HttpError("BAD_REQUEST", "the body is truncated or not UTF-8");
}

function tooLarge(mostBytes: number): HttpError {
  const most = mostBytes < 1 << 20 ? `${mostBytes >> 10} KiB` : `${mostBytes >> 20} MiB: ask for fewer ids at a time`;
  return new HttpError("BODY_TOO_LARGE", "the body is too large", `at most ${most}`);
}
