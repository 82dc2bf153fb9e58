/** Whether every shell reads the text as it is, with and without quotes. */
export function isPlain(text: string): boolean {
  return /^[\p{L}\p{N}_.,@%+/:=-]+$/u.test(text);
}

/** The text as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return isPlain(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
