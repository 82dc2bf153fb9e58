/**
 * Calls `work` for every item, at most `limit` at a time. After a failure no new item is begun, and the first error is
 * thrown only when the calls under way have ended: a descriptor that they work under may be closed right after, and its
 * number may then belong to another folder.
 */
export async function forEachBounded<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const failures: unknown[] = [];
  const worker = async () => {
    while (failures.length === 0) {
      try {
        const { done, value } = await iterator.next();
        if (done) return;
        await work(value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const width = Array.isArray(items) ? Math.min(limit, items.length) : limit;
  await Promise.all(Array.from({ length: width }, worker));
  if (failures.length === 0) return;
  await iterator.return?.();
  throw failures[0];
}
