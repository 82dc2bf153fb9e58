import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCommand, encodeCommands, giveBack } from "../../../src/store/redis/encode.ts";

/** The protocol, as simply as can be. */
function respOf(words: readonly (string | number)[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join("")}`).toString("hex");
}

/** Lengths about those at which the number of their digits changes, of one, two and three bytes a character. */
const long = fc
  .tuple(fc.constantFrom("a", "é", "字", "\ud800", "😀"), fc.constantFrom(3, 9, 33, 63, 64, 65, 99, 333, 999, 3334))
  .map(([unit, count]) => unit.repeat(count));
const word = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), long, fc.double(), fc.integer());

describe("a command in bytes", () => {
  it("is what the protocol says, of whatever words", () => {
    fc.assert(
      fc.property(fc.array(fc.array(word), { minLength: 1, maxLength: 3 }), (groups) => {
        expect(encodeCommand(...groups).toString("hex")).toBe(respOf(groups.flat()));
        expect(encodeCommands(groups).toString("hex")).toBe(groups.map(respOf).join(""));
      }),
    );
  });

  it("stays what it is when the next one is made, and may be large", () => {
    const commands = [
      ["SET", "a", "字".repeat(10)],
      ["SET", "b", "x".repeat(2 << 20)],
      ["GET", "字".repeat(400_000)],
    ];
    const encoded = commands.map((command) => encodeCommand(command));
    expect(encoded.map((bytes) => bytes.toString("hex"))).toEqual(commands.map(respOf));
  });

  it("takes the room of one that was given back, and of no other", () => {
    const commands = ["a", "b", "c", "d"].map((name) => ["SET", name, name.repeat(100_000)]);
    const [a, b] = [encodeCommand(commands[0]!), encodeCommand(commands[1]!)];
    const small = encodeCommand(["GET", "a"]);
    giveBack(a);
    giveBack(small);
    const [c, d] = [encodeCommand(commands[2]!), encodeCommand(commands[3]!)];
    expect(c.buffer).toBe(a.buffer);
    expect([b, c, d].map((bytes) => bytes.toString("hex"))).toEqual(commands.slice(1).map(respOf));
    expect(small.toString("hex")).toBe(respOf(["GET", "a"]));
    expect(new Set([b, c, d, small].map(({ buffer }) => buffer)).size).toBe(4);
  });
});
