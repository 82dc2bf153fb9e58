/** A whole number as people write it; undefined for anything else. Its range is checked where it is used. */
export function parseWholeNumber(text: string): number | undefined {
  return /^[+-]?\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;
}
