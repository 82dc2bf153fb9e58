/**
 * What `str.isspace()` says in Python, as the inside of a character class. JavaScript's `\s` lacks U+001C to U+001F and
 * U+0085 and adds U+FEFF.
 */
export const PYTHON_SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACE = new RegExp(`^[${PYTHON_SPACE}]$`);

/** How many spaces of Python's the text begins with. */
export function indentation(text: string): number {
  let start = 0;
  while (start < text.length && SPACE.test(text[start]!)) start++;
  return start;
}

/** Python's `str.rstrip()`. Not one pattern: `[...]+$` takes quadratic time over a long run of spaces inside. */
export function rstrip(text: string): string {
  let end = text.length;
  while (end > 0 && SPACE.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** Python's `str.strip()`. */
export function strip(text: string): string {
  return rstrip(text.slice(indentation(text)));
}
