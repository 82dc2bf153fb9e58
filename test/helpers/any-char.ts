import fc from "fast-check";

/** Any code point but surrogates, as fast-check's "binary", which takes a second of CPU time to begin with. */
export const anyChar = fc
  .oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((code) => String.fromCodePoint(code));
