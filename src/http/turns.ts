import pLimit from "p-limit";
import type { Clock } from "../clock.ts";
import { HttpError } from "./answer.ts";
import { type Env, LIMITS } from "./parts.ts";
import { bodyOf } from "./request.ts";

/**
 * Makes at most `width` answers at once, which bounds their memory; others wait, and those whose client has left aren't
 * made. The bytes of an answer count until it is sent.
 * @throws HttpError BUSY beyond `LIMITS`, and if clients leave earlier answers unread for a second
 */
export function turns(clock: Clock, width: number) {
  const limit = pLimit(width);
  let unsent = 0;
  let lastMove = 0;
  const count = (length: number) => {
    unsent += length;
    lastMove = clock.monotonic();
  };
  const untilRead = async () => {
    while (unsent > LIMITS.unsent) {
      if (clock.monotonic() - lastMove > 1) throw busy();
      await clock.sleep(20);
    }
  };
  return ({ incoming, outgoing }: Env["Bindings"], make: () => Promise<Response>) => {
    if (limit.pendingCount >= LIMITS.waiting) throw busy();
    let waiting: AbortController | undefined;
    let isLate = false;
    const answered = async () => {
      waiting?.abort();
      await untilRead();
      if (incoming.socket.destroyed || isLate) throw busy();
      const answer = await make().catch((error) => {
        throw outgoing.destroyed ? busy() : error;
      });
      if (outgoing.destroyed) throw busy(); // the client has left
      const length = Number(answer.headers.get("content-length"));
      count(length);
      outgoing.once("close", () => count(-length));
      return answer;
    };
    const answer = limit(answered);
    if (limit.pendingCount === 0) return answer; // it has its turn
    waiting = new AbortController();
    const { signal } = waiting;
    const waited = clock.sleep(LIMITS.waitS * 1000, signal, true).then(() => {
      isLate = !signal.aborted;
      if (isLate) throw busy();
      return answer;
    });
    return Promise.race([answer, waited]);
  };
}

/** Reads bodies as they come, and answers large ones two at a time. */
export function bodyReader(clock: Clock) {
  const turn = turns(clock, 2);
  let held = 0;
  return async (env: Env["Bindings"], answer: (text: string) => Promise<Response>): Promise<Response> => {
    let own = 0;
    const isLarge = () => own > 64 << 10;
    const hold = (bytes: number) => {
      own += bytes;
      held += bytes;
      if (isLarge() && held > LIMITS.bodiesBytes) throw busy();
    };
    try {
      const text = await bodyOf(env.incoming, LIMITS.bodyBytes, hold);
      return await (isLarge() ? turn(env, () => answer(text())) : answer(text()));
    } finally {
      held -= own;
    }
  };
}

function busy(): HttpError {
  return new HttpError("BUSY", "the server is busy", "ask again in a second", { "retry-after": "1" });
}
