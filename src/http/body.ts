import type { IncomingMessage } from "node:http";
import { HttpError } from "./problem.ts";

/** Room for 100,000 ids. */
const MOST_BYTES = 8 << 20;

/**
 * The text of a JSON body.
 * @throws HttpError UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE, BAD_REQUEST for one that is no UTF-8 or that was cut
 */
export async function jsonBody(incoming: IncomingMessage): Promise<string> {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = incoming.headers;
  // A form of another site can send no such type without asking first.
  if (!/^application\/json *(;|$)/i.test(type) || encoding !== "identity") {
    throw new HttpError(
      "UNSUPPORTED_MEDIA_TYPE",
      "the body is not said to be JSON",
      "send Content-Type: application/json",
    );
  }
  if (Number(incoming.headers["content-length"] ?? 0) > MOST_BYTES) throw tooLarge();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readAll(incoming));
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError("BAD_REQUEST", "the body is cut, or no UTF-8");
  }
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The rest of the body is not read, so nothing more can be said on this connection. */
function tooLarge(): HttpError {
  const hint = `at most ${MOST_BYTES >> 20} MiB: ask for fewer ids at a time`;
  return new HttpError("BODY_TOO_LARGE", "the body is too large", hint, { connection: "close" });
}
