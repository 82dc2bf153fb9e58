/** What stands on a command line up to the cursor. */
export interface ShellLine {
  /** The words before the one in hand, as the shell would hand them over. */
  readonly words: readonly string[];
  /** The word in hand, without its quoting. */
  readonly current: string;
  /** Whether the cursor is inside quotes. */
  readonly isQuoted: boolean;
  /** How much of `current` the shell keeps: bash completes only what stands behind the last `:` or `=`. */
  readonly kept: number;
}

const BREAKS = /[:=]/;

/** Splits a bash command line as far as completing needs it; nothing in it is expanded. */
export function splitLine(line: string): ShellLine {
  const words: string[] = [];
  let [current, quote, inWord, kept] = ["", "", false, 0];
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    const isEscape = char === "\\" && quote !== "'" && i + 1 < line.length;
    if (quote === "" && /[\s;|&]/.test(char)) {
      if (inWord) words.push(current);
      [current, inWord, kept] = ["", false, 0];
      if (/[;|&]/.test(char)) words.length = 0; // another command begins
      continue;
    }
    inWord = true;
    if (char === quote) quote = "";
    else if (quote === "" && (char === "'" || char === '"')) quote = char;
    else current += isEscape ? line[++i]! : char;
    if (quote === "" && !isEscape && BREAKS.test(char)) kept = current.length;
  }
  return { words, current, isQuoted: quote !== "", kept: quote === "" ? kept : 0 };
}

const PLAIN = /^[\p{L}\p{N}_.,@%+/:=-]+$/u;

/** Whether a text means itself to every shell, inside quotes and outside. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/** A text as one word of a POSIX shell, where nothing of it is expanded. */
export function shellQuote(text: string): string {
  return isPlain(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
