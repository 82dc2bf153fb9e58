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

/** How many batches are under way at once: one is read while Redis works on another. */
export const IN_FLIGHT = 3;

/** One value for each item, in order: its own, or if that is undefined one that is fetched, for all such items in one call. */
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
