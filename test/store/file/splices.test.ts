import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Splice } from "../../../src/store/file/edit.ts";
import { replaceFile } from "../../../src/store/file/replace.ts";
import { Snapshot } from "../../../src/store/file/snapshot.ts";
import { useFolder } from "../../helpers/files.ts";
import { runs } from "../../helpers/python.ts";
import { RULES } from "../../helpers/rules.ts";

const at = useFolder();
/** What a rewrite reads at once. */
const WINDOW = 1 << 20;

/** A store of so many bytes, no stretch of which is like another. */
function storeOf(size: number): Buffer {
  const head = '[{"user_id":"a","task_id":"t","status":"done","updated_at":1,"text":"';
  const tail = '"}]';
  const room = size - head.length - tail.length;
  const text = Array.from({ length: Math.ceil(room / 8) }, (_, i) => String(i).padStart(8, "0")).join("");
  return Buffer.from(head + text.slice(0, room) + tail);
}

/** Sizes and places around the edges of windows, and anywhere. */
const around = (most: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: most * WINDOW }),
    fc.tuple(fc.integer({ min: 1, max: most }), fc.integer({ min: -2, max: 2 })).map(([n, off]) => n * WINDOW + off),
  );

const cuts = fc.array(fc.tuple(around(3), fc.oneof(fc.nat(600), fc.nat(2 * WINDOW)), fc.string({ maxLength: 50 })), {
  maxLength: 300,
});

it("whatever is cut and put in, every other byte is copied, across windows too", { tags: ["slow"] }, async () => {
  const run = fc.asyncProperty(around(3), cuts, async (size, places) => {
    const bytes = storeOf(Math.max(size, 200));
    writeFileSync(at("s.json"), bytes);
    const splices: Splice[] = [];
    const expected: Buffer[] = [];
    let end = 0;
    for (const [place, length, text] of places.sort(([a], [b]) => a - b)) {
      const from = Math.min(Math.max(place, end), bytes.length);
      expected.push(bytes.subarray(end, from), Buffer.from(text));
      end = Math.min(from + length, bytes.length);
      splices.push({ from, end, text });
    }
    expected.push(bytes.subarray(end));
    const snapshot = await Snapshot.read(at("s.json"), RULES);
    async function* all() {
      yield* splices;
    }
    await replaceFile(at("s.json"), snapshot, all());
    await snapshot.close();
    expect(readFileSync(at("s.json")).equals(Buffer.concat(expected))).toBe(true);
  });
  await fc.assert(run, { numRuns: runs(40) });
});
