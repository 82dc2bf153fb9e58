/** What `str.isspace()` says in Python 3.11: JavaScript's `\s` lacks U+001C to U+001F and U+0085 and adds U+FEFF. */
const SPACES = new Set(
  "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
);

/** How many spaces of Python's the text begins with. */
export function indentation(text: string): number {
  let start = 0;
  while (SPACES.has(text[start])) start++;
  return start;
}

/** Python's `str.rstrip()`. */
export function rstrip(text: string): string {
  let end = text.length;
  while (SPACES.has(text[end - 1])) end--;
  return text.slice(0, end);
}

/** Python's `str.strip()`. */
export function strip(text: string): string {
  return rstrip(text.slice(indentation(text)));
}

/** The lines that Python reads from a file in text mode: only `\n`, `\r\n` and `\r` end one. */
export function fileLines(text: string): string[] {
  return text.replace(/\r\n?/g, "\n").split("\n");
}
