import fc from "fast-check";
import { anyChar } from "../helpers/any-char.ts";

const SECTIONS = ["redis", "store", "a.b", "a.b.c", "a", "__proto__", "constructor", "x]y", " s ", "[", "0", "12"];
const PLAIN_NAMES = [
  "host",
  "Port",
  "DB",
  "base",
  "k1",
  "k2",
  "a b",
  "list[]",
  "__proto__",
  "Constructor",
  "x.y",
  "[k]",
];
/** Names that Unicode, JavaScript or a shell would change. */
const ODD_NAMES = [
  "02",
  "é",
  "İ",
  "ΑΣ",
  "ß",
  "\u212a",
  "𐐀",
  "名",
  "😀",
  "k\u00a0e",
  "q\u2028r",
  "\\;",
  '"quoted"',
  "%x",
];
const NAMES = [...PLAIN_NAMES, ...ODD_NAMES];
const PLAIN_VALUES = [
  "127.0.0.1",
  "6379",
  "a#b;c",
  "val ; x",
  '"a b"',
  "true",
  "",
  "a = b",
  "c: d",
  "[x]",
  "C:\\new\\",
];
const INTERPOLATED = ["50%%", "%(base)s/y", "%(BASE)s", "%(k1)s%(k2)s", "%(nothing)s", "50%", "%(base", "%(base)d"];
const ODD_INTERPOLATED = ["%%(base)s", "%(__proto__)s", "%(a\nb)s", "%()s", "% (a)s"];
/** What one of Python and JavaScript takes for a blank, the end of a line, or a mark. */
const ODD_VALUES = ["a\u2028b", "a\x0bb", "a\x0cb", "a\x1cb", "a\x85b", "\ufeff", "😀", "\x00", "é\u0301", "x\u3000"];
const VALUES = [...PLAIN_VALUES, ...INTERPOLATED, ...ODD_INTERPOLATED, ...ODD_VALUES];
const UNICODE_BLANKS = ["\u00a0", "\u3000", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\u2028", "\u200b", "\ufeff"];
const BLANKS = ["", " ", "  ", "\t", " \t ", ...UNICODE_BLANKS];

const often = <T>(arbitrary: fc.Arbitrary<T>, weight: number) => ({ arbitrary, weight });
const space = fc.oneof(often(fc.constantFrom("", " "), 8), often(fc.constantFrom(...BLANKS), 2));
const indent = fc.oneof(often(fc.constant(""), 12), often(fc.constantFrom(...BLANKS), 1));
const deepIndent = fc.oneof(often(fc.constantFrom("  ", "\t", "    "), 4), often(fc.constantFrom(...BLANKS), 1));
/** Capitals that Unicode got after Python 3.11 (Garay, Beria Erfe) have a small letter in newer Node versions only. */
const withoutNewCapitals = (text: string) => text.replace(/[^\0-\u1bff]/gu, (c) => (c.toLowerCase() === c ? c : "x"));
const anyText = fc.string({ unit: anyChar, maxLength: 12 }).map(withoutNewCapitals);
const value = fc.oneof(often(fc.constantFrom(...VALUES), 8), often(anyText, 1));
const name = fc.oneof(often(fc.constantFrom(...NAMES), 12), often(anyText, 1));
const section = fc.oneof(often(fc.constantFrom(...SECTIONS), 8), often(fc.constant("DEFAULT"), 3), often(anyText, 1));

const option = fc
  .tuple(indent, name, space, fc.constantFrom("=", ":", "=", "==", ":="), space, value, space)
  .map((parts) => parts.join(""));
const goodHeader = fc.tuple(section, space).map(([title, end]) => `[${title}]${end}`);
const oddHeader = fc.constantFrom("[]", "[", "[redis", "redis]", "[[redis]]", "[redis] x", "[]]", "  [late]", "[ ]");
const comment = fc.tuple(deepIndent, fc.constantFrom("#", ";"), value).map((parts) => parts.join(""));
const continuation = fc.tuple(deepIndent, value).map((parts) => parts.join(""));
const blank = fc.constantFrom(...BLANKS);
const bare = fc.oneof(name, value);

const line = fc.oneof(
  often(option, 50),
  often(goodHeader, 12),
  often(continuation, 12),
  often(comment, 6),
  often(blank, 8),
  often(oddHeader, 1),
  often(bare, 1),
);
const lineEnd = fc.oneof(
  often(fc.constant("\n"), 20),
  often(fc.constant("\r\n"), 4),
  often(fc.constantFrom("\r", "\n\r", "\r\r\n"), 1),
);
const start = fc.oneof(
  often(goodHeader, 30),
  often(fc.constantFrom("# comment\n\n[redis]", "\ufeff[redis]", "\ufeff", "host = x", ""), 2),
);
/** Files as an operator, or an enemy of one, may write them: about half of them are refused by Python. */
export const iniText = fc
  .tuple(start, lineEnd, fc.array(fc.tuple(line, lineEnd), { maxLength: 9 }), fc.constantFrom("", "[last]", "k = end"))
  .map(([first, end, lines, last]) => [first, end, ...lines.flat(), last].join(""));
