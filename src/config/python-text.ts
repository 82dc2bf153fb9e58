/** The lines that Python reads from a file in text mode: only `\n`, `\r\n` and `\r` end one. */
export function fileLines(text: string): string[] {
  return text.replace(/\r\n?/g, "\n").split("\n");
}
