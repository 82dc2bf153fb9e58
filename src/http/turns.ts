import type { ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import pLimit from "p-limit";
import { HttpError } from "./answer.ts";
import type { Env } from "./parts.ts";

const MOST_WAITING = 256;
/** Less than the time that a body has to come in. */
const LONGEST_WAIT_MS = 20_000;
/** Characters. */
const MOST_UNSENT = 8 << 20;
const PATIENCE_MS = 1000;

/**
 * Makes at most `width` answers at once, which bounds their memory; others wait, and those whose client has left aren't
 * made.
 * @throws HttpError BUSY if 256 others wait, after 20 s, and if clients leave more than 8 Mi characters of earlier answers
 *   unread for a second
 */
export function turns(width: number) {
  const limit = pLimit(width);
  const unsent = new Set<ServerResponse>();
  let lastMove = 0;
  const untilRead = async () => {
    while (lengthOf(unsent) > MOST_UNSENT) {
      if (performance.now() - lastMove > PATIENCE_MS) throw busy();
      await sleep(20);
    }
  };
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
        await untilRead();
        if (incoming.socket.destroyed) throw busy();
        resolve(await make());
        unsent.add(outgoing);
        lastMove = performance.now();
        const sent = finished(outgoing).catch(() => {}); // the client left
        void sent.then(() => {
          unsent.delete(outgoing);
          lastMove = performance.now();
        });
        await setImmediate(); // the answer is written by then, so the next one counts it
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
