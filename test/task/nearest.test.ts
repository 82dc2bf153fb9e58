import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counted } from "../../src/task/amounts.ts";
import { nearest } from "../../src/task/nearest.ts";

describe("nearest", () => {
  const COMMANDS = ["sync", "list", "query", "stats", "verify", "delete", "cleanup", "export"];
  test.each<[word: string, found: string[]]>([
    ["sync", ["sync"]],
    ["SYNC", ["sync"]],
    ["snyc", ["sync"]], // swapped
    ["synk", ["sync"]], // changed
    ["synch", ["sync"]], // added
    ["syn", ["sync"]], // dropped
    ["delte", ["delete"]],
    ["celanpu", ["cleanup"]], // two swapped pairs
    ["celanqu", []], // and a change: three away
    ["clean", ["cleanup"]], // two added
    ["lst", ["list"]],
    ["lits", ["list"]],
    ["lsat", []],
    ["xy", []],
    ["", []],
    ["stas", ["stats"]],
    ["nothing like it", []],
  ])("of %j: %j", (word, found) => expect(nearest(word, COMMANDS)).toEqual(found));

  test("the nearest come first, those as near in their order, each once and three at most", () => {
    expect(nearest("task1", ["task12", "task1", "task2", "task0", "task1", "task3"])).toEqual([
      "task1",
      "task0",
      "task12",
    ]);
    expect(nearest("abcdef", ["abcdxy", "abcdex", "ABCDEF"])).toEqual(["ABCDEF", "abcdex", "abcdxy"]);
    expect(nearest("b", ["c", "a"])).toEqual(["a", "c"]);
  });

  test("a word is as far from another as that from it, and never farther than by one change of it", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 3, maxLength: 6 });
    fc.assert(
      fc.property(word, word, fc.nat(6), (a, b, place) => {
        if (a.length === b.length) expect(nearest(a, [b]).length).toBe(nearest(b, [a]).length);
        const at = place % a.length;
        for (const changed of [`${a.slice(0, at)}z${a.slice(at)}`, `${a.slice(0, at)}z${a.slice(at + 1)}`]) {
          expect(nearest(a, [changed])).toEqual([changed]);
        }
        const swapped = [...a];
        [swapped[at], swapped[at - 1]] = [swapped[at - 1]!, swapped[at]!];
        if (at > 0) expect(nearest(a, [swapped.join("")])).toEqual([swapped.join("")]);
      }),
    );
  });

  test("a slip of the finger in a setting finds that setting, and settings of others find none", () => {
    const names = ["retention", "stuck_after", "host", "port", "db"];
    const slips = fc.tuple(
      fc.constantFrom("retention", "stuck_after"),
      fc.nat(7),
      fc.constantFrom("drop", "swap", "x"),
    );
    fc.assert(
      fc.property(slips, ([name, i, slip]) => {
        const [before, after] = [name.slice(0, i), name.slice(i + 1)];
        const swapped = `${before}${name[i + 1]}${name[i]}${name.slice(i + 2)}`;
        const typed = slip === "drop" ? before + after : slip === "swap" ? swapped : `${before}x${after}`;
        expect(nearest(typed, names)[0]).toBe(name);
      }),
    );
    for (const other of ["model", "x", "max_connections", ""]) expect(nearest(other, names)).toEqual([]);
  });

  test("of long words the first 64 characters count", () => {
    const long = "x".repeat(64);
    expect(nearest(`${long}abc`, [`${long}${"y".repeat(1000)}`])).toEqual([`${long}${"y".repeat(1000)}`]);
    expect(nearest(`🙂${long}`, [`🙂${long}z`])).toEqual([`🙂${long}z`]);
  });
});

test.each<[number, string]>([
  [0, "0 tasks"],
  [1, "1 task"],
  [2, "2 tasks"],
])("%d", (count, text) => expect(counted(count, "task")).toBe(text));
