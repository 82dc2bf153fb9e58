/**
 * Runs `work` on each item, at most `width` at once. After an error or an abort no item is begun. It returns, or throws the first
 * error, only when all calls have ended, because the caller may then close descriptors that they use.
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
  if (failure === undefined) return;
  try {
    await iterator.return?.();
  } catch {} // the first error counts
  throw failure.error;
}

/** Items in groups of at most `size`. */
export function* batches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** The same texts in fewer pieces, each of at least 64 Ki characters but for the last. */
export function* inLargePieces(texts: Iterable<string>): Generator<string> {
  let held = "";
  for (const text of texts) {
    held += text;
    if (held.length < 1 << 16) continue;
    yield held;
    held = "";
  }
  if (held !== "") yield held;
}

/** Batches at once: one is read while Redis works on another. */
export const IN_FLIGHT = 3;

/** A value for each item, in order: its own, or if undefined a fetched one. All are fetched in one call. */
export async function fillIn<T, R>(
  items: readonly T[],
  own: (item: T, i: number) => R | undefined,
  fetch: (missing: T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const values = items.map(own);
  const missing = [...values.keys()].filter((i) => values[i] === undefined);
  if (missing.length === 0) return values as R[];
  const fetched = await fetch(missing.map((i) => items[i]!));
  missing.forEach((i, at) => {
    values[i] = fetched[at];
  });
  return values as R[];
}

/** Items by their key, in the order of the first of each. */
export function groupedBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (!groups.get(key)?.push(item)) groups.set(key, [item]);
  }
  return groups;
}
