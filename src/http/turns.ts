import type { ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import pLimit from "p-limit";
import { HttpError } from "./answer.ts";
import type { Env } from "./parts.ts";

const MOST_WAITING = 256;
/** How long a client that reads slowly keeps its turn. */
const PATIENCE_MS = 5000;

/**
 * Makes at most `width` answers at once, which bounds their memory; others wait, and those whose client has left aren't
 * made. @param end of a turn: the answer is made, or it is also sent, for which a client has 5 s
 * @throws HttpError BUSY if 256 others wait
 */
export function turns(width: number, end: "made" | "sent" = "made") {
  const limit = pLimit(width);
  return <T>({ incoming, outgoing }: Env["Bindings"], make: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= MOST_WAITING) {
      throw new HttpError("BUSY", "too many requests are waiting", "ask again in a second", { "retry-after": "1" });
    }
    return new Promise((resolve, reject) => {
      limit(async () => {
        if (incoming.socket.destroyed) throw new HttpError("BUSY", "the client has left");
        resolve(await make());
        if (end === "sent") await isSent(outgoing);
      }).catch(reject);
    });
  };
}

async function isSent(outgoing: ServerResponse): Promise<void> {
  await finished(outgoing, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => {}); // it was broken off, or it takes long
}
