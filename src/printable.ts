const JOINING = "Arab Syrc Mong Nkoo Deva Beng Guru Gujr Orya Taml Telu Knda Mlym Sinh Khmr Mymr";
/** Made on first use, because compiling it is slow. */
let joiner: RegExp | undefined;

/** Joiners, and variation selectors of emojis and Mongolian letters. */
const JOINERS = "\u200c\u200d\ufe0e\ufe0f\u180b\u180c\u180d\u180f";

/** Whether it joins two parts of an emoji or two letters of a script with joiners, or selects the form of the character before. */
function isJoiner(text: string, at: number): boolean {
  if (!JOINERS.includes(text[at]!)) return false;
  if (joiner === undefined) {
    const letter = `[${JOINING.replaceAll(/(\w+) ?/g, "\\p{sc=$1}")}]`;
    const emoji = "(?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f])\\u200d(?=\\p{Extended_Pictographic})";
    const form = "(?<=\\p{Extended_Pictographic})[\\ufe0e\\ufe0f]|(?<=[0-9#*])\\ufe0f(?=\\u20e3)";
    const mongolian = "(?<=\\p{sc=Mong})[\\u180b-\\u180d\\u180f]";
    joiner = new RegExp(`${emoji}|${form}|${mongolian}|(?<=${letter})[\\u200c\\u200d](?=${letter})`, "uy");
  }
  joiner.lastIndex = at;
  return joiner.test(text);
}

/** Most texts: ASCII, Latin, Greek, Cyrillic, dashes, quotes, ellipsis, Chinese, kana, Hangul. They don't need Unicode's tables, which load slowly. */
export const PLAIN =
  /^[ -~\u00c0-\u02af\u0391-\u03a1\u03a3-\u03ff\u0400-\u0482\u048a-\u052f\u2010-\u2015\u2018-\u201f\u2026\u3000-\u3029\u3041-\u3096\u309b-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]*$/;

/** Escapes control characters, and those that are invisible or turn the writing direction: no text may control the terminal. */
export function escapeUnprintable(text: string, escaped: (char: string) => string): string {
  if (PLAIN.test(text)) return text;
  const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{DI}]/gu; // here, because compiling it is slow
  return text.replace(unprintable, (char, at) => (isJoiner(text, at) ? char : escaped(char)));
}

export function printable(text: string): string {
  return escapeUnprintable(text, (char) => {
    if (char === "\n" || char === "\t" || char === "\r") return " ";
    const code = char.codePointAt(0)!.toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
  });
}

export function isPrintable(text: string): boolean {
  return escapeUnprintable(text, () => "") === text;
}

export function printableJson(value: unknown): string {
  return escapeUnprintable(JSON.stringify(value), jsonEscape);
}

/** JSON, CSV or YAML for a terminal. JSON keeps its meaning, because between its tokens only spaces and line breaks occur. */
export function printableData(text: string): string {
  return escapeUnprintable(text, (char) => {
    if (char === "\n" || char === "\t") return char;
    return char === "\r" ? " " : jsonEscape(char);
  });
}

function jsonEscape(char: string): string {
  const units = Array.from({ length: char.length }, (_, i) => char.charCodeAt(i).toString(16).padStart(4, "0"));
  return units.map((unit) => `\\u${unit}`).join("");
}

/** Whether every shell reads the text as it is, with and without quotes. */
export function isShellWord(text: string): boolean {
  return /^[\p{L}\p{N}_.,@%+/:=-]+$/u.test(text);
}

/** The text as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return isShellWord(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** As `shellQuote`, for a message. An unprintable text becomes an escaped word of bash or zsh. */
export function shellWord(text: string): string {
  if (isPrintable(text)) return shellQuote(text);
  const plain = text.replace(/[\\']/g, "\\$&");
  return `$'${escapeUnprintable(plain, (char) => `\\U${char.codePointAt(0)!.toString(16).padStart(8, "0")}`)}'`;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** With an IPv6 address in brackets. */
export function addressText({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

const LONGEST_QUOTE = 100;

/** For a message, so long texts are cut. */
export function quoted(text: string): string {
  return printableJson(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}
