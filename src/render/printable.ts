/**
 * Control characters, and those that turn the writing direction or have no width: text of a task must not be able to
 * steer the terminal or to hide in it.
 */
const UNPRINTABLE = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Cs}/gu;

/** One line of text that a terminal can be shown. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => {
    if (char === "\n" || char === "\t" || char === "\r") return " ";
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
