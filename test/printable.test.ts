import { expect, test } from "vitest";
import { isPrintable, printable } from "../src/printable.ts";

test("whatever is shown as it is can be shown, in all of Unicode", () => {
  const wrong: string[] = [];
  for (let code = 0; code <= 0x10ffff; code++) {
    const char = String.fromCodePoint(code);
    const isShownAsItIs = printable(char) === char;
    if (isShownAsItIs !== isPrintable(char)) wrong.push(code.toString(16));
  }
  expect(wrong).toEqual([]);
});
