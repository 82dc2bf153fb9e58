import { describe, expect, test } from "vitest";
import { parseIni } from "../../src/config/ini-file.ts";
import { refusalOf } from "./inputs.ts";

const PATH = "/etc/tts/config.ini";

describe("an error for a line that Python refuses names file and line, and never shows the line", () => {
  test.each<[string, string, number]>([
    ["a byte-order mark", "\ufeff[redis]\n", 1],
    ["an option without a delimiter", "[redis]\nhost = x\n\npassword s3cret\n", 4],
    ["a section twice", "[redis]\rhost = s3cret\r[redis]\r", 3],
    ["a header without a name", "[redis]\n[]\n", 2],
  ])("%s", (_, text, line) => {
    const error = refusalOf(() => parseIni(text, PATH));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain(`${PATH}, line ${line}: `);
    expect(error.message).not.toContain("s3cret");
  });

  test("a name that would break the line is quoted", () => {
    const error = refusalOf(() => parseIni("[a\x85b]\n[a\x85b]\n", PATH));
    expect(error.message).toMatch(/"a\\u0085b"/);
  });
});

describe("interpolation is lazy", () => {
  const file = parseIni("[redis]\nhost = x\npassword = s3%cret%(oops)s\n[log]\nformat = %(asctime)s\n", PATH);

  test("another option's bad % is ignored", () => {
    expect(file.get("redis", "host")).toBe("x");
    expect(file.options("log")).toContain("format");
  });

  test("an error names file, section and option, not the value", () => {
    const error = refusalOf(() => file.get("redis", "PASSWORD"));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain(`${PATH} [redis] PASSWORD`);
    expect(error.message).not.toMatch(/s3|cret|oops/);
  });
});
