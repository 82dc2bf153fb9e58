/**
 * Runs `work` on each item with at most `width` under way. After a failure no item is begun, and the first error is thrown
 * once the calls under way have ended: a descriptor that they use may be closed right after. A signal that is aborted
 * ends it likewise, between items.
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
  const count = Array.isArray(items) ? Math.min(width, items.length) : width;
  await Promise.all(Array.from({ length: count }, worker));
  if (failure === undefined) return;
  try {
    await iterator.return?.();
  } catch {} // the first error counts
  throw failure.error;
}
