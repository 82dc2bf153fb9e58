import type { ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import pLimit from "p-limit";
import { HttpError } from "./answer.ts";
import type { Env } from "./parts.ts";

const MOST_WAITING = 256;
/** Less than the time that a body has to come in. */
const LONGEST_WAIT_MS = 20_000;
/** Characters. */
const MOST_UNSENT = 16 << 20;

/**
 * Makes at most `width` answers at once, which bounds their memory; others wait, and those whose client has left aren't
 * made.
 * @throws HttpError BUSY if 256 others wait, after 20 s, and while clients haven't read 16 Mi characters of earlier answers
 */
export function turns(width: number) {
  const limit = pLimit(width);
  const unsent = new Set<ServerResponse>();
  return <T>({ incoming, outgoing }: Env["Bindings"], make: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= MOST_WAITING) throw busy();
    return new Promise((resolve, reject) => {
      let isLate = false;
      const late = setTimeout(() => {
        isLate = true;
        reject(busy());
      }, LONGEST_WAIT_MS).unref();
      limit(async () => {
        clearTimeout(late);
        if (isLate) return;
        if (incoming.socket.destroyed || lengthOf(unsent) > MOST_UNSENT) throw busy();
        resolve(await make());
        unsent.add(outgoing);
        const sent = finished(outgoing).catch(() => {}); // the client left
        void sent.then(() => unsent.delete(outgoing));
      }).catch(reject);
    });
  };
}

function lengthOf(answers: Iterable<ServerResponse>): number {
  let length = 0;
  for (const { writableLength } of answers) length += writableLength;
  return length;
}

function busy(): HttpError {
  return new HttpError("BUSY", "too many requests are waiting", "ask again in a second", { "retry-after": "1" });
}
