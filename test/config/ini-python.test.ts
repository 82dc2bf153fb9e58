import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseIni } from "../../src/config/ini-file.ts";
import { TtsctlError } from "../../src/errors.ts";
import { times } from "../faults/helpers/chance.ts";
import { triedBadInput } from "../faults/helpers/tally.ts";
import { SEED } from "../helpers/seed.ts";
import { type Answer, askPython } from "./ask-python.ts";
import { iniText } from "./ini-text.ts";

function refusedAsNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof TtsctlError && error.code === "CONFIG_INVALID") return null;
    throw error;
  }
}

/** Python sorts names by code point, JavaScript by UTF-16 unit. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function ours(text: string): Answer {
  const file = refusedAsNull(() => parseIni(text, "config.ini"));
  return file && ["DEFAULT", ...file.sections()].map((section) => [section, optionsOf(section)]);

  function optionsOf(section: string): [string, string | null][] {
    const names = file?.options(section) ?? [];
    return names.sort(byCodePoint).map((name) => [name, refusedAsNull(() => file?.get(section, name) ?? "absent")]);
  }
}

/** Each rule of the parser separately. */
const WRITTEN = [
  "[redis]\npassword = a#b;c\nhost: 1.2.3.4\nHost2 = x\nk = val ; x\np = 50%%\n",
  "[DEFAULT]\nbase = /x\n[a.b]\np = %(base)s/y\nq = %(p)s/z\n[a]\nb = 1\n[a.b.c]\n",
  "[s]\nk = one\n  two\n\n  # gone\n  three\n\n\n[t]\nv =\n  x\n",
  "[__proto__]\n__proto__ = x\nconstructor = y\na[] = 1\n[constructor]\nprototype = z\n",
  "[s]\na = %(b)s\nb = %(a)s\nc = %(nothing)s\nd = 5%\n",
  "[s]\nk1 = x\n k2 = y\nk3 = z\n",
  "[s]\r\nk = v\rl = w\n\n",
  "[s]\nk\u2028 = \u2028a\u2028b\x85\n",
  "[9]\na=1\n[3]\n7=x\n5=y\n",
  "\ufeff[s]\nk = v\n",
  "[s] and more\nk = v",
];

const FILES = times(3000, 60_000);

describe("against Python's configparser", () => {
  test("some thousand files: the same values, or both refuse", () => {
    const texts = fc.sample(iniText, { numRuns: FILES, seed: SEED });
    const answers = askPython(texts);
    for (const [index, text] of texts.entries()) {
      expect(ours(text), `TTSCTL_SEED=${SEED}, file ${index}: ${JSON.stringify(text)}`).toEqual(answers[index]);
    }
    triedBadInput(FILES);
    // Files that are nearly all refused, or nearly all plain, would show nothing.
    const accepted = answers.filter((answer) => answer !== null).length;
    expect(accepted).toBeGreaterThan(FILES / 15);
    expect(accepted).toBeLessThan(FILES * 0.93);
  });

  const answers = askPython(WRITTEN);

  test.each(WRITTEN.map((text, index) => [JSON.stringify(text), text, answers[index]] as const))(
    "%s",
    (_, text, answer) => {
      expect(ours(text)).toEqual(answer);
    },
  );

  test("interpolation as deep as Python allows, and one deeper", () => {
    const chain = (length: number) =>
      `[s]\nk0 = x\n${Array.from({ length }, (_, i) => `k${i + 1} = %(k${i})s`).join("\n")}\n`;
    const texts = [9, 10, 11, 12].map(chain);
    expect(texts.map(ours)).toEqual(askPython(texts));
  });
});
