import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isTerminal, KNOWN_STATUS_WORDS, shownStatus } from "../../src/task/status.ts";

/** docs/contract.md, Records, copied by hand. */
const TABLE = {
  wait: "queued, pending, waiting, wait, created",
  run: "running, processing, started, run",
  done: "succeeded, success, completed, finished, done",
  error: "failed, failure, error, cancelled, canceled",
};
const ROWS = Object.entries(TABLE).flatMap(([shown, words]) => words.split(", ").map((word) => [word, shown] as const));

describe("a word of the table, whatever its case and spaces", () => {
  test.each(ROWS)("%s is shown as %s", (word, shown) => {
    const spaced = ` ${[...word].join(" ")}\t`;
    const forms = [word, word.toUpperCase(), word[0]!.toUpperCase() + word.slice(1), ` ${word} `, `${word}\n`, spaced];
    expect(forms.map(shownStatus)).toEqual(forms.map(() => shown));
    expect(forms.map(isTerminal)).toEqual(forms.map(() => shown === "done" || shown === "error"));
  });

  test("the table has no other words", () => {
    expect(new Set(KNOWN_STATUS_WORDS)).toEqual(new Set(ROWS.map(([word]) => word)));
  });
});

test.each(["", "done!", "fail", "__proto__", "ｄｏｎｅ", "finıshed"])(
  "%j is outside the table and never terminal",
  (word) => {
    expect(shownStatus(word)).toBeUndefined();
    expect(isTerminal(word)).toBe(false);
  },
);

test("no other word is terminal", () => {
  const known = new Set<string>(ROWS.map(([word]) => word));
  fc.assert(
    fc.property(fc.string(), (word) => {
      if (!known.has(word.replace(/\s/g, "").toLowerCase())) expect(isTerminal(word)).toBe(false);
    }),
  );
});
