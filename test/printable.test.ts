import { expect, test } from "vitest";
import { isPrintable, printable, printableData } from "../src/printable.ts";

test("every character that is shown unchanged is printable, in all of Unicode", () => {
  const wrong: string[] = [];
  for (let code = 0; code <= 0x10ffff; code++) {
    const char = String.fromCodePoint(code);
    const isShownAsItIs = printable(char) === char;
    if (isShownAsItIs !== isPrintable(char)) wrong.push(code.toString(16));
  }
  expect(wrong).toEqual([]);
});

test.each([
  ["an emoji of several", "👩\u200d🚀 👨🏽\u200d🔬 ❤\ufe0f\u200d🔥 👨\u200d👩\u200d👧"],
  ["Persian", "می\u200cخواهم"],
  ["Hindi", "क्\u200dष क्\u200cष"],
  ["forms of emoji", "❤\ufe0f ☺\ufe0e 1\ufe0f\u20e3"],
  ["Mongolian", "\u1820\u180b"],
])("joiners of %s are a part of the text", (_, text) => {
  expect([printable(text), isPrintable(text), printableData(text)]).toEqual([text, true, text]);
});

test.each([
  ["ali\u200dce", "ali\\u200dce"],
  ["ali\u200cce", "ali\\u200cce"],
  ["\u200d🚀", "\\u200d🚀"],
  ["🚀\u200d", "🚀\\u200d"],
  ["🚀\u200d\u200d🚀", "🚀\\u200d\\u200d🚀"],
  ["می\u200c", "می\\u200c"],
])("a joiner that joins nothing is escaped: %j", (text, shown) => {
  expect([printable(text), isPrintable(text)]).toEqual([shown, false]);
});

test.each([
  "\u034f",
  "\u115f",
  "\u1160",
  "\u17b4",
  "\u180b",
  "\u2065",
  "\u3164",
  "\ufe00",
  "\ufe0f",
  "\uffa0",
  "\u{e0100}",
])("a character that isn't seen is escaped: %j", (char) => {
  expect(printable(`ali${char}ce1${char}`)).toMatch(/^ali(\\u[{}0-9a-f]+)ce1\1$/);
  expect(JSON.parse(printableData(JSON.stringify(char)))).toBe(char);
});

test("JSON keeps its meaning and its lines", () => {
  const value = { "\u202e": ["\u009b31m", "\u{e0041}", "a\nb\tc\u001b]0;x\u0007", "👩\u200d🚀"], n: 1 };
  for (const text of [JSON.stringify(value), JSON.stringify(value, null, 2), JSON.stringify(value, null, "\r\n")]) {
    const shown = printableData(text);
    expect(JSON.parse(shown)).toEqual(value);
    expect(isPrintable(shown.replaceAll("\n", ""))).toBe(true);
    expect(shown.split("\n")).toHaveLength(text.split("\n").length);
  }
});
