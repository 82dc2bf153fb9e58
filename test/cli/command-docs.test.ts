import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
// @ts-expect-error a script without types
import { commandPage, commonPage } from "../../script/command-docs.mjs";
import { EXAMPLES } from "../../src/cli/help.ts";
import { declareProgram } from "../../src/cli/program.ts";
import { FLAG_NAMES } from "../../src/task/query-fields.ts";

const DOCS = new URL("../../docs/commands/", import.meta.url);
const program = await declareProgram();

/** The text of a page; a new command has none yet. */
function pageOf(name: string): string {
  const file = new URL(name, DOCS);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

it.each(program.commands)(
  "docs/commands has the synopsis, flags and examples of $_name: npm run docs writes them",
  async (command) => {
    const name = `${command.name()}.md`;
    await expect(commandPage(pageOf(name), command, EXAMPLES.get(command)!.trim())).toMatchFileSnapshot(
      `../../docs/commands/${name}`,
    );
  },
);

it("docs/commands/README.md has the flags of every command: npm run docs writes them", async () => {
  await expect(commonPage(pageOf("README.md"), program)).toMatchFileSnapshot("../../docs/commands/README.md");
});

it("the READMEs and the pages for operators name flags that exist", () => {
  const own = [program, ...program.commands].flatMap(({ options }) => options.map(({ long }) => long!));
  const others = ["--help", "--init", "--keep", "--pipe", "--prefix", "--rm", "--save"]; // of docker, npm, redis-cli, redis-server and script/demo
  const known = new Set([...own, ...others]);
  const names = ["install", "settings", "output", "audit", "guarantees", "errors", "monitoring", "zh-CN"];
  const pages = [...["../README", "../README.zh-CN", ...names].map((name) => `../${name}.md`), ...readdirSync(DOCS)];
  const unknown = pages.flatMap((name) => {
    const flags = pageOf(name)
      .replace(/^<!-- before: .*$/gm, "")
      .matchAll(/(?<![\w-])--[a-z][\w-]*/g);
    return [...flags].filter(([flag]) => !known.has(flag)).map(([flag]) => `${name}: ${flag}`);
  });
  expect(unknown).toEqual([]);
});

it("docs/commands has no other pages", () => {
  const names = [...program.commands.map((command) => command.name()), "README", "zh-CN"].map((name) => `${name}.md`);
  expect(readdirSync(DOCS).sort()).toEqual(names.sort());
});

describe("docs/commands/zh-CN.md", () => {
  const [, ...parts] = pageOf("zh-CN.md").split(/^## /m);
  const sections = new Map(parts.map((part) => [part.slice(0, part.indexOf("\n")), part]));

  it("has a section for each command", () => {
    expect([...sections.keys()].sort()).toEqual(program.commands.map((command) => command.name()).sort());
  });

  it.each([...sections])("has the parts and the output of the English page in %s", (name, section) => {
    const page = pageOf(`${name}.md`);
    expect(section.match(/^### /gm)?.length).toBe(page.match(/^## /gm)?.length);
    const blocks = (text: string) => text.match(/^```console\n.*?^```$/gms) ?? [];
    expect(blocks(section)).toEqual(blocks(page));
  });

  it("has every part of a query as a flag of list", () => {
    expect(Object.values(FLAG_NAMES).filter((flag) => !sections.get("list")!.includes(`\`${flag}\``))).toEqual([]);
    expect(Object.values(FLAG_NAMES).filter((flag) => !pageOf("list.md").includes(`\`${flag}`))).toEqual([]);
  });
});
