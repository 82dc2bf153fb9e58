import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineSplitter, LONGEST_LINE } from "../../src/artifacts/log-tail.ts";
import "../helpers/python.ts";

function split(bytes: Buffer, cuts: number[]): string[] {
  const splitter = new LineSplitter();
  const bounds = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const lines = bounds.slice(1).flatMap((end, i) => splitter.push(bytes.subarray(bounds[i], end)));
  return [...lines, ...splitter.rest()];
}

describe("the lines of a log", () => {
  it("are the same however the text is split", () => {
    const text = fc
      .array(fc.constantFrom("\n", "\r\n", "\r", "a", "语", "🙂", "\u001b[31m"))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, fc.array(fc.nat(200), { maxLength: 5 }), (log, cuts) => {
        const expected = log.split("\n").map((line) => line.replace(/\r$/, ""));
        if (expected.at(-1) === "" && !log.endsWith("\r")) expected.pop();
        expect(split(Buffer.from(log), cuts)).toEqual(expected);
      }),
    );
  });

  it("are split if they are very long, never within a character", () => {
    const log = `${"语".repeat(100_000)}\nend\n`;
    const lines = split(Buffer.from(log), [1, 1000, 250_000]);
    expect(lines.at(-1)).toBe("end");
    expect(lines.slice(0, -1).join("")).toBe("语".repeat(100_000));
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(LONGEST_LINE);
  });
});
