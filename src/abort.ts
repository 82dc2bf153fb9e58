/** Runs work under a signal that either of two aborts: Node.js 20.0 has no `AbortSignal.any`. */
export async function untilEither<T>(
  one: AbortSignal,
  other: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController();
  const abort = () => either.abort();
  for (const signal of [one, other]) {
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
  }
  try {
    return await work(either.signal);
  } finally {
    for (const signal of [one, other]) signal.removeEventListener("abort", abort);
  }
}
