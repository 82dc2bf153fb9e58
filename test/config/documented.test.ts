import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { RETENTION, STUCK_AFTER, TIMEOUT } from "../../src/config/kinds.ts";
import { libraryOptionsOf, placeOf, rowOf, SETTING_NAMES } from "../../src/config/settings.ts";
import { formatDuration } from "../../src/task/amounts.ts";

const text = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
const code = (words: string | undefined) => (words === undefined ? "" : `\`${words}\``);

/** The cells of a table row by its first cell. */
function rowsOf(markdown: string): Map<string, string[]> {
  const rows = markdown.split("\n").filter((line) => line.startsWith("| `["));
  return new Map(
    rows.map((line) => {
      const [first, ...cells] = line.split("|").slice(1, -1);
      return [/`[^`]*`/.exec(first!)![0], cells.map((cell) => cell.trim())];
    }),
  );
}

describe.each(["README.md", "README.zh-CN.md"])("the settings in %s", (name) => {
  const rows = rowsOf(text(name));

  it("are those of the table, in its order", () => {
    expect([...rows.keys()]).toEqual(
      SETTING_NAMES.map(placeOf).map(({ section, option }) => `\`[${section}] ${option}\``),
    );
  });

  it.each(SETTING_NAMES)("have the flag, the variable and the default of %s", (setting) => {
    const { section, option } = placeOf(setting);
    const { flag, env, kind, default: fallback } = rowOf(setting);
    const [inFlag, inEnv, inDefault] = rows.get(`\`[${section}] ${option}\``)!;
    expect([inFlag, inEnv]).toEqual([code(flag?.[0].split(" ")[0]), code(env?.[0])]);
    const isDuration = ([RETENTION, STUCK_AFTER, TIMEOUT] as unknown[]).includes(kind);
    const value = isDuration && fallback !== null ? formatDuration(fallback as number) : fallback;
    if (value === null || value === "" || Array.isArray(value)) expect(inDefault).not.toBe("");
    else expect(inDefault).toContain(code(String(value)));
  });
});

describe("config.ini, the sample", () => {
  const sections = new Map(
    text("config.ini")
      .split(/^\[/m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf("]")), part]),
  );

  it.each(SETTING_NAMES)("has %s with its variable and its flag", (setting) => {
    const { section, option } = placeOf(setting);
    const { flag, env } = rowOf(setting);
    expect(sections.get(section)).toMatch(new RegExp(`^(?:# )?${option.replace(".", "\\.")} = `, "m"));
    for (const word of [flag?.[0].split(" ")[0], env?.[0]]) if (word) expect(sections.get(section)).toContain(word);
  });
});

describe("the types of the library", () => {
  const types = text("src/library/types.ts");
  const optionsOf = (name: string) => {
    const body = new RegExp(`interface ${name} \\{(.*?)^\\}`, "ms").exec(types)![1]!;
    return [...body.matchAll(/readonly (\w+)\?:/g)].map(([, option]) => option!);
  };

  it("have the options of the table", () => {
    const options = [
      ...optionsOf("StoreOptions").filter((name) => !["config", "logger", "clock"].includes(name)),
      ...optionsOf("RedisOptions").map((name) => `redis.${name}`),
      ...optionsOf("RetentionOptions").map((name) => `retention.${name}`),
    ];
    expect(options.sort()).toEqual([...new Set(SETTING_NAMES.flatMap(libraryOptionsOf))].sort());
  });
});
