import { TtsctlError } from "../errors.ts";

/** How many batches of a mirror's are under way at once: one is read while Redis works on another. */
export const IN_FLIGHT = 3;

/**
 * Runs `work` on each item with at most `width` under way. When one fails no more are begun, those under way are
 * awaited, and the first failure is thrown. A signal that is aborted ends it likewise, between items.
 */
export async function pool<T>(
  items: Iterable<T> | AsyncIterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let failure: { error: unknown } | undefined;
  const worker = async () => {
    while (failure === undefined && !signal?.aborted) {
      try {
        const { done, value } = await iterator.next();
        if (done) return;
        await work(value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  if (failure !== undefined) throw failure.error;
}

/** @throws TtsctlError INTERRUPTED */
export function throwIfInterrupted(signal: AbortSignal, done: string, hint = "run it again to finish"): void {
  if (signal.aborted) throw new TtsctlError("INTERRUPTED", `interrupted: ${done}`, { hint });
}
