import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { whyNotPython } from "../../src/json/scan.ts";

const why = (json: string) => whyNotPython(Buffer.from(json), 0, Buffer.byteLength(json));
const nested = (levels: number, open = "[", close = "]") => `${open.repeat(levels)}1${close.repeat(levels)}`;
const digits = (count: number) => "1".repeat(count);

const READABLE: [string, string][] = [
  ["4,300 digits", `{"n":${digits(4300)}}`],
  ["digits of a fraction", `{"n":${digits(5000)}.5}`],
  ["digits behind a point", `{"n":0.${digits(5000)}}`],
  ["digits in a string", `{"n":"${digits(5000)}"}`],
  ["digits in a string with quotes", `{"n":"\\"${digits(5000)}"}`],
  ["500 levels", nested(500)],
  ["brackets in a string", `{"n":"${"[".repeat(5000)}"}`],
  ["many arrays beside each other", `[${"[],".repeat(2000)}[]]`],
];

const UNREADABLE: [string, string][] = [
  ["4,301 digits", `{"n":${digits(4301)}}`],
  ["4,301 digits at the end of an array", `[0.5,${digits(4301)}]`],
  ["12,000 levels", nested(12_000)],
  ["12,000 levels of objects", nested(12_000, '{"a":', "}")],
];

/** As a service reads its store: some calls deep. */
const LOAD = `
import json, sys
def below(calls, text):
    return json.loads(text) if calls == 0 else below(calls - 1, text)
try:
    below(200, sys.stdin.read())
except (ValueError, RecursionError) as error:
    sys.exit(type(error).__name__)
`;
const pythonReads = (json: string) => {
  try {
    execFileSync("python3", ["-c", LOAD], { input: `[${json}]`, stdio: ["pipe", "pipe", "pipe"] });
    return true;
  } catch {
    return false;
  }
};

describe("the limits of Python's json", () => {
  it.each(READABLE)("%s", (_, json) => {
    expect([why(json), pythonReads(json)]).toEqual([undefined, true]);
  });

  it.each(UNREADABLE)("not %s", (_, json) => {
    expect([why(json), pythonReads(json)]).toEqual([expect.any(String), false]);
  });

  it("not 501 levels, which leaves room for a service that is calls deep, and for the file around it", () => {
    expect([why(nested(501)), why(nested(501, '{"a":', "}"))]).toEqual([expect.any(String), expect.any(String)]);
  });
});
