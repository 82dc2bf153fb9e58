import fc from "fast-check";
import { expect, it } from "vitest";
import { MOST_BYTES, writeText } from "../../src/store/utf8.ts";

it("writes a text as Node encodes it, and nothing beside it", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary", maxLength: 100 }),
    fc.string({ unit: "binary-ascii", minLength: 60, maxLength: 70 }),
    fc.array(fc.constantFrom("a", "é", "语", "\ud83d", "😀"), { maxLength: 70 }).map((units) => units.join("")),
  );
  fc.assert(
    fc.property(texts, fc.nat(5), (text, at) => {
      const bytes = Buffer.alloc(at + text.length * MOST_BYTES + 1, 0xff);
      const encoded = Buffer.from(text);
      expect(writeText(bytes, at, text)).toBe(encoded.length);
      expect(bytes.subarray(at, at + encoded.length)).toEqual(encoded);
      expect(bytes.subarray(0, at).every((byte) => byte === 0xff)).toBe(true);
      expect(bytes.subarray(at + encoded.length).every((byte) => byte === 0xff)).toBe(true);
    }),
  );
});
