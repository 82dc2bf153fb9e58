import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { defaultText, libraryOptionsOf, placeOf, rowOf, SETTING_NAMES } from "../../src/config/settings.ts";
import { EXIT_CODES, EXIT_MEANINGS } from "../../src/errors.ts";
import { FILTERS } from "../../src/library/queries.ts";

const text = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
const code = (words: string | undefined) => (words ? `\`${words}\`` : "");

const codesOf = (exit: string) =>
  Object.entries(EXIT_CODES).flatMap(([name, of]) => (`${of}` === exit ? code(name) : []));
const settings = SETTING_NAMES.map((setting) => {
  const { section, option } = placeOf(setting);
  const { flag, env } = rowOf(setting);
  return [`[${section}] ${option}`, flag?.[0].split(" ")[0], env?.[0], defaultText(setting)].map(code);
});
const exits = Object.keys(EXIT_MEANINGS).filter((exit) => codesOf(exit).length > 0);

it.each([
  ["docs/settings.md", ["setting", "flag", "variable", "default"], settings],
  ["docs/output.md", ["exit code", "meaning"], Object.entries(EXIT_MEANINGS)],
  ["docs/json.md", ["exit code", "codes"], exits.map((exit) => [exit, codesOf(exit).join(", ")])],
])("%s has its table: npm run docs writes it", async (page, head, rows) => {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`);
  const old = new RegExp(`^\\| ${head[0]} \\|.*\\n(\\|.*\\n)*`, "m");
  await expect(text(page).replace(old, lines.join(""))).toMatchFileSnapshot(`../../${page}`);
});

const sections = new Map(
  text("config.ini")
    .split(/^\[/m)
    .slice(1)
    .map((part) => [part.slice(0, part.indexOf("]")), part]),
);

it.each(SETTING_NAMES)("config.ini, the sample, has %s with its variable and its flag", (setting) => {
  const { section, option } = placeOf(setting);
  const { flag, env } = rowOf(setting);
  expect(sections.get(section)).toMatch(new RegExp(`^(?:# )?${option.replace(".", "\\.")} = `, "m"));
  for (const word of [flag?.[0].split(" ")[0], env?.[0]]) if (word) expect(sections.get(section)).toContain(word);
});

const types = text("src/library/types.ts");
const optionsOf = (name: string) => {
  const body = new RegExp(`interface ${name} \\{(.*?)^\\}`, "ms").exec(types)![1]!;
  return [...body.matchAll(/readonly (\w+)\?:/g)].map(([, option]) => option!);
};

it("the types of the library have the options of the tables", () => {
  const options = [
    ...optionsOf("StoreOptions").filter((name) => !["config", "logger", "clock"].includes(name)),
    ...optionsOf("RedisOptions").map((name) => `redis.${name}`),
    ...optionsOf("RetentionOptions").map((name) => `retention.${name}`),
  ];
  expect(options.sort()).toEqual([...new Set(SETTING_NAMES.flatMap(libraryOptionsOf))].sort());
  expect(optionsOf("TaskFilter").sort()).toEqual(FILTERS.toSorted());
});
