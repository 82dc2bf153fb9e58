import fc from "fast-check";
import stringWidth from "string-width";
import { expect, test } from "vitest";
import { widthOf } from "../../src/render/width.ts";

/** The ends of the ranges that are counted without string-width, characters next to them, and combining ones. */
const char = fc.oneof(
  fc.constantFrom(..." ~‐―‘‟…　〉〇㐀䶿一鿿！｠"),
  fc.constantFrom(..."ÀʯΑΡΣϿЀ҂Ҋԯぁゖ゛ヿ가힣\u02b0\u0390\u0483\u0489\u0530\u3040\u3097\u3099\u309a\u1100\u11a8\ud7b0"),
  fc.constantFrom(
    ..."\u001f\u007f\u0300\u200d\u2016\u2017\u2025\u2027\u302a\u303f\u3099\u33ff\u4dc0\ua000\uff00\uff61\uff9e\ufe0f\u20e3",
  ),
  fc.constantFrom(..."#*1©あ가👨🇨"),
  fc.integer({ min: 0x20, max: 0xffff }).map((code) => String.fromCharCode(code)),
);

test("is the same as from string-width", () => {
  fc.assert(
    fc.property(
      fc.array(char).map((chars) => chars.join("")),
      (text) => {
        expect(widthOf(text)).toBe(stringWidth(text));
      },
    ),
    { numRuns: 5000 },
  );
});
