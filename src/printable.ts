/**
 * Control characters, and those that turn the writing direction or have no width: text of a task, a name on the disk or
 * a value of the configuration must not be able to steer the terminal or to hide in it. This is the one set of them.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * ASCII, dashes, curly quotes, the ellipsis, Chinese with its punctuation: what most texts are, and told without the tables of
 * Unicode, which take long to load.
 */
export const PLAIN = /^[ -~\u2010-\u2015\u2018-\u201f\u2026\u3000-\u3029\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff60]*$/;

/** One line of text that a terminal can be shown. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNPRINTABLE, (char) => {
    if (char === "\n" || char === "\t" || char === "\r") return " ";
    const code = char.codePointAt(0)!.toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
  });
}

/** Whether a terminal can be shown the text as it is. */
export function isPrintable(text: string): boolean {
  return text.search(UNPRINTABLE) === -1;
}

/** A value as JSON that a terminal can be shown, and a program can read back. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(UNPRINTABLE, (char) =>
    Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** Longer texts are cut: a message is one line. */
const LONGEST_QUOTE = 100;

/** A text of the operator's in a message. */
export function quoted(text: string): string {
  return printableJson(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}
