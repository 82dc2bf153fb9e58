/** @throws Error with the actual value if a row did not do its work */
export function expectThat(holds: boolean, instead: unknown): void {
  if (holds) return;
  const text = typeof instead === "string" ? instead : JSON.stringify(instead);
  throw new Error(`a row did not do what it says: ${text.slice(0, 500)}`);
}

/** The counts that a command printed as JSON must hold these. */
export function expectCounts(stdout: string, counts: Record<string, number>): void {
  const said = JSON.parse(stdout) as Record<string, unknown>;
  expectThat(
    Object.entries(counts).every(([name, count]) => said[name] === count),
    stdout,
  );
}
