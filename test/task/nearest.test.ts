import { expect, test } from "vitest";
import { nearest } from "../../src/task/nearest.ts";

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
])("nearest of %j: %j", (word, found) => expect(nearest(word, COMMANDS)).toEqual(found));
