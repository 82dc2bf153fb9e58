import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
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
 * @param lengthOf the characters of an answer, which count until it is sent
 * @throws HttpError BUSY if 256 others wait, after 20 s, and if clients leave more than 8 Mi characters of earlier answers
 *   unread for a second
 */
export function turns<T>(width: number, lengthOf: (answer: T) => number) {
  const limit = pLimit(width);
  let unsent = 0;
  let lastMove = 0;
  const count = (length: number) => {
    unsent += length;
    lastMove = performance.now();
  };
  const untilRead = async () => {
    while (unsent > MOST_UNSENT) {
      if (performance.now() - lastMove > PATIENCE_MS) throw busy();
      await sleep(20);
    }
  };
  return ({ incoming, outgoing }: Env["Bindings"], make: () => Promise<T>): Promise<T> => {
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
        const answer = await make();
        const length = lengthOf(answer);
        resolve(answer);
        count(length);
        const sent = finished(outgoing).catch(() => {}); // the client left
        void sent.then(() => count(-length));
      }).catch(reject);
    });
  };
}

function busy(): HttpError {
  return new HttpError("BUSY", "too many requests are waiting", "ask again in a second", { "retry-after": "1" });
}
