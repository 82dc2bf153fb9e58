import fc from "fast-check";

/** JSON as its tokens; the whitespace between them does not matter. */
type Tokens = readonly string[];

const SPACES = ["", "", "", " ", "\n", "\t", "\r\n", "  \n   "];

/** Numbers in every way that JSON has to write them. */
export const numberText = fc.oneof(
  fc.constantFrom("-0", "1.0", "1E+5", "-1.50e-07", "12345678901234567890", "0.1", "1e400", "9007199254740993"),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);

const char = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }).map((text) => JSON.stringify(text).slice(1, -1)),
  fc.constantFrom('\\"', "\\\\", "\\/", "\\b", "\\n", "\\t", "\\u0041", "\\u00e9", "\\uD83D\\ude42", "\\ud800"),
  fc.constantFrom("{", "}", "[", "]", ",", ":", " ", "/", "\x7f", "\u2028", "中", "🙂"),
);

/** Strings with their quotes, escaped in every way that JSON has. */
export const stringText = fc.array(char, { maxLength: 8 }).map((chars) => `"${chars.join("")}"`);

const separated = (parts: readonly Tokens[]) => parts.flatMap((part, i) => (i === 0 ? part : [",", ...part]));

/** @param options the keys of objects, with quotes; `unique` leaves out repeated ones */
function tokensOf(options: { key: fc.Arbitrary<string>; string: fc.Arbitrary<string>; unique: boolean }) {
  return fc.letrec<{ value: Tokens; object: Tokens }>((tie) => {
    const members = fc.tuple(options.key, tie("value"));
    const size = { maxLength: 5, depthIdentifier: "json" };
    const list = options.unique
      ? fc.uniqueArray(members, { ...size, selector: ([key]) => key })
      : fc.array(members, size);
    const object = list.map((all) => ["{", ...separated(all.map(([key, value]) => [key, ":", ...value])), "}"]);
    const array = fc.array(tie("value"), size).map((all) => ["[", ...separated(all), "]"]);
    const scalar = fc.oneof(fc.constantFrom("null", "true", "false"), numberText, options.string).map((text) => [text]);
    return { object, value: fc.oneof({ depthIdentifier: "json", maxDepth: 5 }, scalar, object, array) };
  });
}

const anyTokens = tokensOf({ key: stringText, string: stringText, unique: false });
const plainString = fc.string({ unit: "grapheme", maxLength: 8 }).map((text) => JSON.stringify(text));
const plainKey = fc.oneof(plainString, fc.constantFrom('"__proto__"', '"constructor"', '""', '"a"'));
const plainTokens = tokensOf({ key: plainKey, string: plainString, unique: true });

const spacedText = (tokens: Tokens) =>
  fc
    .array(fc.constantFrom(...SPACES), { minLength: tokens.length + 1, maxLength: tokens.length + 1 })
    .map((spaces) => ({
      compact: tokens.join(""),
      spaced: tokens.map((token, i) => spaces[i]! + token).join("") + spaces[tokens.length]!,
    }));

/** One value: with white space anywhere, and without any. */
export const jsonText = anyTokens.value.chain(spacedText);
export const objectText = anyTokens.object.chain(spacedText);

/** Compact, strings as `JSON.stringify` writes them, no key twice in an object. */
export const plainJson = plainTokens.value.map((tokens) => tokens.join(""));
export const plainObject = plainTokens.object.map((tokens) => tokens.join(""));

const fragment = fc.constantFrom(
  ...["", "{", "}", "[", "]", ",", ":", '"', "\\", "0", "1", "-", "+", ".", "e", "t", "true", "nul", "NaN", "Infinity"],
  ...[" ", "\n", "\0", "\x1f", "\v", "\f", "\x85", "\xa0", "\ufeff", "'", "/", "//x", "\\u12", "\\x", "é", "x", "１"],
);

/** Texts that are JSON but for one place, and may still be. */
export const brokenText = fc.tuple(jsonText, fc.nat(), fc.nat(3), fragment).map(([{ spaced }, at, cut, by]) => {
  const place = at % (spaced.length + 1);
  return (spaced.slice(0, place) + by + spaced.slice(place + cut)).toWellFormed();
});

/** Texts that end too early. */
export const cutText = fc
  .tuple(jsonText, fc.nat())
  .map(([{ spaced }, at]) => spaced.slice(0, at % (spaced.length + 1)).toWellFormed());
