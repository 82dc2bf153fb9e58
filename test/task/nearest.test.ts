import { describe, expect, test } from "vitest";
import { counted } from "../../src/task/amounts.ts";
import { nearest } from "../../src/task/nearest.ts";

describe("nearest", () => {
  const COMMANDS = ["sync", "list", "query", "stats", "verify", "delete", "cleanup", "export"];
  test.each<[word: string, found: string[]]>([
    ["sync", ["sync"]],
    ["SYNC", ["sync"]],
    ["snyc", ["sync"]], // swapped
    ["synch", ["sync"]], // added
    ["syn", ["sync"]], // dropped
    ["celanpu", ["cleanup"]], // two swapped pairs
    ["celanqu", []], // and a change: three away
    ["clean", ["cleanup"]], // two added
    ["lsat", []],
    ["", []],
  ])("of %j: %j", (word, found) => expect(nearest(word, COMMANDS)).toEqual(found));
});

test.each<[number, string]>([
  [0, "0 tasks"],
  [1, "1 task"],
  [2, "2 tasks"],
])("%d", (count, text) => expect(counted(count, "task")).toBe(text));
